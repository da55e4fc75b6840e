//! Customers (clientes) with their contacts. Personal data is never printed.

use jiff::civil::Date;
use serde::Deserialize;

use super::call::SiengeCall;
use super::client::Client;
use super::error::SiengeError;
use super::lenient::{Personal, date, flag, id, list, object, personal, text};
use super::pages::Rows;
use crate::ids::{CustomerId, EnterpriseId};

/// A customer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Customer {
    /// Id.
    #[serde(deserialize_with = "id")]
    pub id: Option<i64>,
    /// `F` or `J`, or words.
    #[serde(deserialize_with = "text")]
    pub person_type: Option<String>,
    /// Name.
    #[serde(deserialize_with = "personal")]
    pub name: Option<Personal>,
    /// Social name.
    #[serde(deserialize_with = "personal")]
    pub social_name: Option<Personal>,
    /// Trade name of a company.
    #[serde(deserialize_with = "personal")]
    pub fantasy_name: Option<Personal>,
    /// CPF as Sienge writes it.
    #[serde(deserialize_with = "personal")]
    pub cpf: Option<Personal>,
    /// CNPJ as Sienge writes it.
    #[serde(deserialize_with = "personal")]
    pub cnpj: Option<Personal>,
    /// E-mail; may hold several.
    #[serde(deserialize_with = "personal")]
    pub email: Option<Personal>,
    /// Day of birth.
    #[serde(deserialize_with = "personal")]
    pub birth_date: Option<Personal>,
    /// Civil status.
    #[serde(deserialize_with = "personal")]
    pub civil_status: Option<Personal>,
    /// Profession.
    #[serde(deserialize_with = "personal")]
    pub profession: Option<Personal>,
    /// Mother's name.
    #[serde(deserialize_with = "personal")]
    pub mother_name: Option<Personal>,
    /// Identity card.
    #[serde(deserialize_with = "personal")]
    pub number_identity_card: Option<Personal>,
    /// Day of registration.
    #[serde(deserialize_with = "date")]
    pub created_at: Option<Date>,
    /// Day of the last change.
    #[serde(deserialize_with = "date")]
    pub modified_at: Option<Date>,
    /// Phones.
    #[serde(deserialize_with = "list")]
    pub phones: Vec<Phone>,
    /// Addresses.
    #[serde(deserialize_with = "list")]
    pub addresses: Vec<Address>,
    /// Spouse.
    #[serde(deserialize_with = "object")]
    pub spouse: Option<Spouse>,
}

/// A phone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Phone {
    /// Number with area code.
    #[serde(deserialize_with = "personal")]
    pub number: Option<Personal>,
    /// The main one.
    #[serde(deserialize_with = "flag")]
    pub main: Option<bool>,
    /// `CE`, `CO`, `RE`, or words such as `Celular`.
    #[serde(rename = "type", deserialize_with = "text")]
    pub kind: Option<String>,
    /// Note.
    #[serde(deserialize_with = "personal")]
    pub note: Option<Personal>,
    /// Country code.
    #[serde(deserialize_with = "text")]
    pub idd: Option<String>,
}

/// An address.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Address {
    /// `R` residential, `C` commercial.
    #[serde(rename = "type", deserialize_with = "text")]
    pub kind: Option<String>,
    /// Street.
    #[serde(deserialize_with = "personal")]
    pub street_name: Option<Personal>,
    /// Number.
    #[serde(deserialize_with = "personal")]
    pub number: Option<Personal>,
    /// Complement.
    #[serde(deserialize_with = "personal")]
    pub complement: Option<Personal>,
    /// Neighbourhood.
    #[serde(deserialize_with = "personal")]
    pub neighborhood: Option<Personal>,
    /// City's id.
    #[serde(deserialize_with = "id")]
    pub city_id: Option<i64>,
    /// City.
    #[serde(deserialize_with = "personal")]
    pub city: Option<Personal>,
    /// State.
    #[serde(deserialize_with = "text")]
    pub state: Option<String>,
    /// CEP.
    #[serde(deserialize_with = "personal")]
    pub zip_code: Option<Personal>,
    /// Whether it is the postal address.
    #[serde(deserialize_with = "flag")]
    pub mail: Option<bool>,
}

/// A spouse.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Spouse {
    /// Name.
    #[serde(deserialize_with = "personal")]
    pub name: Option<Personal>,
    /// CPF as Sienge writes it.
    #[serde(deserialize_with = "personal")]
    pub cpf: Option<Personal>,
    /// E-mail.
    #[serde(deserialize_with = "personal")]
    pub email: Option<Personal>,
    /// Mobile phone.
    #[serde(deserialize_with = "personal")]
    pub cellphone_number: Option<Personal>,
    /// Business phone.
    #[serde(deserialize_with = "personal")]
    pub business_phone: Option<Personal>,
}

/// Which customers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CustomerFilter {
    /// CPF, digits only.
    pub cpf: Option<Personal>,
    /// CNPJ, without punctuation.
    pub cnpj: Option<Personal>,
    /// Customers of an enterprise.
    pub enterprise: Option<EnterpriseId>,
    /// Changed on or after (day resolution: overlap a day).
    pub modified_after: Option<Date>,
    /// Changed on or before.
    pub modified_before: Option<Date>,
    /// Rows to skip: those already read.
    pub skip: usize,
}

impl Client {
    /// The matching customers, newest registration first.
    pub fn customers(&self, filter: &CustomerFilter) -> Rows<Customer> {
        self.rows_after(
            filter.skip,
            SiengeCall::rest("ConsultarClientes", "customers", "customers")
                .with_some("cpf", filter.cpf.as_ref().map(Personal::as_str))
                .with_some("cnpj", filter.cnpj.as_ref().map(Personal::as_str))
                .with_some("enterpriseId", filter.enterprise)
                .with_some("modifiedAfter", filter.modified_after)
                .with_some("modifiedBefore", filter.modified_before),
        )
    }

    /// One customer. Sienge documents no 404 here: a 400 means "not found" too.
    pub async fn customer(&self, customer: CustomerId) -> Result<Option<Customer>, SiengeError> {
        let call = SiengeCall::rest(
            "ConsultarCliente",
            "customers",
            format!("customers/{customer}"),
        );
        match self.fetch_one(&call).await {
            Err(SiengeError::BadRequest { status: 400, .. }) => Ok(None),
            other => other,
        }
    }
}
