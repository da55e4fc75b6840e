//! Customers: natural and legal persons with their contacts. All invented.

use jiff::civil::Date;

/// A customer.
#[derive(Clone, Debug)]
pub struct Customer {
    /// Its id.
    pub id: u32,
    /// Full name or company name.
    pub name: String,
    /// Natural or legal.
    pub person: Person,
    /// E-mail, when known.
    pub email: Option<String>,
    /// Phones; exactly one is the main one when there is any.
    pub phones: Vec<Phone>,
    /// Addresses: at most one residential and one commercial.
    pub addresses: Vec<Address>,
    /// Registered on.
    pub created: Date,
    /// Last changed on.
    pub modified: Date,
    /// Whether the record is enabled.
    pub active: bool,
}

impl Customer {
    /// The CPF or CNPJ, bare.
    pub fn document(&self) -> &str {
        match &self.person {
            Person::Natural { cpf, .. } => cpf,
            Person::Legal { cnpj, .. } => cnpj,
        }
    }
}

/// What kind of person a customer is.
#[derive(Clone, Debug)]
pub enum Person {
    /// A natural person.
    Natural {
        /// The CPF, bare.
        cpf: String,
        /// Female, for the vendor's words.
        female: bool,
        /// Birth date.
        birth: Date,
        /// Profession.
        profession: Option<String>,
        /// Spouse, when married.
        spouse: Option<Box<Spouse>>,
    },
    /// A company.
    Legal {
        /// The CNPJ, bare, numeric or alphanumeric.
        cnpj: String,
        /// Trade name.
        fantasy: String,
    },
}

/// A spouse.
#[derive(Clone, Debug)]
pub struct Spouse {
    /// Full name.
    pub name: String,
    /// The CPF, bare.
    pub cpf: String,
    /// Female.
    pub female: bool,
    /// Mobile phone.
    pub mobile: Option<String>,
    /// E-mail.
    pub email: Option<String>,
}

/// A phone.
#[derive(Clone, Debug)]
pub struct Phone {
    /// Digits with the area code.
    pub number: String,
    /// `CE` mobile, `CO` business, `RE` home.
    pub kind: String,
    /// The main one.
    pub main: bool,
    /// Note.
    pub note: Option<String>,
}

/// An address.
#[derive(Clone, Debug)]
pub struct Address {
    /// `R` residential or `C` commercial.
    pub kind: String,
    /// Street.
    pub street: String,
    /// Number.
    pub number: String,
    /// Complement.
    pub complement: Option<String>,
    /// Neighbourhood.
    pub district: String,
    /// City id.
    pub city_id: u32,
    /// City.
    pub city: String,
    /// State, two letters.
    pub state: String,
    /// CEP, digits.
    pub zip: String,
}
