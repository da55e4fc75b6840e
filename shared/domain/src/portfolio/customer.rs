//! Customers and the catalogue around the bills: enterprises, units, sales contracts.
//!
//! `Debug` never shows a customer's personal data (LGPD): it prints ids and counts only.

use std::collections::BTreeSet;
use std::fmt;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::calendar::Date;
use crate::ids::{
    BillId, CreditorId, CustomerId, EnterpriseId, InstallmentId, SalesContractId, UnitId,
};
use crate::text;

/// A CPF or CNPJ: upper-cased letters and digits, no punctuation. CNPJ may hold letters since July 2026.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Document(String);

impl Document {
    /// The document as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether nothing was given.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<&str> for Document {
    fn from(text: &str) -> Self {
        Self(
            text::code(text)
                .chars()
                .filter(char::is_ascii_alphanumeric)
                .collect(),
        )
    }
}

impl From<String> for Document {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<Document> for String {
    fn from(document: Document) -> Self {
        document.0
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Document({} characters)", self.0.len())
    }
}

/// A customer with contacts.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Customer {
    /// Id in Sienge.
    pub id: CustomerId,
    /// CPF or CNPJ; none for a foreigner without one.
    pub document: Option<Document>,
    /// Name.
    pub name: String,
    /// E-mail.
    pub email: Option<String>,
    /// Telephones.
    pub phones: Vec<Phone>,
    /// Addresses.
    pub addresses: Vec<Address>,
    /// Spouse.
    pub spouse: Option<Spouse>,
    /// When the personal data was erased at the customer's request (LGPD); no read fills it again until a contract opens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erased_on: Option<Date>,
}

/// A telephone of a customer, as Sienge keeps it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Phone {
    /// Number as given.
    pub number: String,
    /// Kind as given (`CE`, `CO`, `RE`, or in words).
    pub kind: Option<String>,
    /// Whether it is the main one.
    pub main: bool,
    /// Note.
    pub note: Option<String>,
    /// International dialling code.
    pub idd: Option<String>,
}

/// An address of a customer.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Address {
    /// Kind (`R` residential, `C` commercial).
    pub kind: Option<String>,
    /// Street.
    pub street: Option<String>,
    /// Number.
    pub number: Option<String>,
    /// Complement.
    pub complement: Option<String>,
    /// Neighbourhood.
    pub neighborhood: Option<String>,
    /// City.
    pub city: Option<String>,
    /// State.
    pub state: Option<String>,
    /// Postal code (CEP).
    pub zip_code: Option<String>,
}

/// A customer's spouse.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Spouse {
    /// Name.
    pub name: String,
    /// CPF.
    pub document: Option<Document>,
    /// E-mail.
    pub email: Option<String>,
    /// Telephone.
    pub phone: Option<String>,
}

impl Customer {
    /// Whether an e-mail address is the customer's own. Sienge's field may hold several.
    #[must_use]
    pub fn has_email(&self, address: &str) -> bool {
        let held = self.email.as_deref().unwrap_or_default();
        held.split([';', ',', ' '])
            .any(|held| held.trim().eq_ignore_ascii_case(address) && !address.is_empty())
    }

    /// A customer known by id only; the next read of customers fills it.
    #[must_use]
    pub fn unread(id: CustomerId) -> Self {
        Self {
            id,
            document: None,
            name: String::new(),
            email: None,
            phones: Vec::new(),
            addresses: Vec::new(),
            spouse: None,
            erased_on: None,
        }
    }

    /// A customer of whom only the id remains, because keys and sums refer to it.
    #[must_use]
    pub fn erased(id: CustomerId, on: Date) -> Self {
        Self {
            erased_on: Some(on),
            ..Self::unread(id)
        }
    }
}

impl fmt::Debug for Customer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Customer")
            .field("id", &self.id)
            .field("phones", &self.phones.len())
            .field("addresses", &self.addresses.len())
            .field("spouse", &self.spouse.is_some())
            .finish_non_exhaustive()
    }
}

macro_rules! hidden_debug {
    ($($name:ident),+) => {
        $(impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(hidden)"))
            }
        })+
    };
}

hidden_debug!(Phone, Address, Spouse);

/// An enterprise (empreendimento), the CRM's "filial".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Enterprise {
    /// Id in Sienge, the same as its cost centre's.
    pub id: EnterpriseId,
    /// Name.
    pub name: String,
    /// Its company, where known.
    pub company: Option<CreditorId>,
}

/// A unit of an enterprise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Unit {
    /// Id in Sienge.
    pub id: UnitId,
    /// Its enterprise.
    pub enterprise: EnterpriseId,
    /// Name.
    pub name: String,
    /// Commercial stock code (`V` sold, `D` available, ...).
    pub stock: Option<String>,
    /// Kind of property ("tipo de imóvel").
    #[serde(default)]
    pub property_type: Option<String>,
    /// Number in the land registry ("matrícula").
    #[serde(default)]
    pub registration: Option<String>,
    /// Private area in square metres ("espaço privado").
    #[serde(default)]
    pub private_area: Option<Decimal>,
}

/// The sales contract behind a bill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SalesContract {
    /// The bill it was issued as.
    pub bill: BillId,
    /// Id in Sienge.
    pub id: SalesContractId,
    /// Number as shown.
    pub number: Option<String>,
    /// Enterprise.
    pub enterprise: Option<EnterpriseId>,
    /// Main unit.
    pub unit: Option<UnitId>,
    /// Main unit's name.
    pub unit_name: Option<String>,
    /// Main customer.
    pub customer: Option<CustomerId>,
    /// Situation as Sienge writes it: a word or a digit.
    pub situation: Option<String>,
    /// Date of cancellation (distrato).
    pub cancelled_on: Option<Date>,
    /// The main customer's share, percent ("percentual de participação").
    #[serde(default)]
    pub participation: Option<Decimal>,
}

/// Which installments of a bill Sienge has sent to the credit bureaus (SPC/Serasa).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreditBureauRecord {
    /// The bill.
    pub bill: BillId,
    /// The installments sent and not withdrawn.
    pub installments: BTreeSet<InstallmentId>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_upper_cased_and_bare() {
        assert_eq!(
            Document::from("12.abc.345/01de-35").as_str(),
            "12ABC34501DE35"
        );
        assert_eq!(Document::from("529.982.247-25").as_str(), "52998224725");
        assert_eq!(
            Document::from("\u{feff}５２９.982\u{a0}247–25\u{200b}").as_str(),
            "52998224725"
        );
    }

    #[test]
    fn debug_prints_no_personal_data() {
        let customer = Customer {
            id: CustomerId(7),
            document: Some(Document::from("52998224725")),
            name: "Maria Inventada".to_owned(),
            email: Some("maria@exemplo.invalid".to_owned()),
            phones: vec![Phone {
                number: "048912345678".to_owned(),
                kind: None,
                main: true,
                note: None,
                idd: None,
            }],
            addresses: vec![Address {
                street: Some("Rua das Flores".to_owned()),
                ..Address::default()
            }],
            spouse: None,
            erased_on: None,
        };
        let printed = format!("{customer:?} {:?} {:?}", customer.phones, customer.document);
        for secret in ["Maria", "5299", "0489", "Flores", "exemplo"] {
            assert!(!printed.contains(secret), "{printed}");
        }
    }
}
