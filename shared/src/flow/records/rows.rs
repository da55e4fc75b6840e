//! Rows of Sienge's lists as records of the portfolio.

use crate::ids::{BillId, CustomerId, EnterpriseId, SalesContractId, UnitId};
use crate::portfolio::{Address, Customer, Document, Phone, SalesContract, Spouse, Unit};
use crate::sienge::{self, Personal};

fn plain(text: Option<&Personal>) -> Option<String> {
    text.map(|text| text.as_str().to_owned())
}

pub(super) fn to_customer(row: &sienge::Customer) -> Option<Customer> {
    let document = row
        .cpf
        .as_ref()
        .or(row.cnpj.as_ref())
        .map(|text| Document::from(text.as_str()));
    let name = row.name.as_ref().or(row.fantasy_name.as_ref());
    Some(Customer {
        id: CustomerId(row.id?),
        document: document.filter(|document| !document.is_empty()),
        name: plain(name).unwrap_or_default(),
        email: plain(row.email.as_ref()),
        phones: row.phones.iter().filter_map(to_phone).collect(),
        addresses: row.addresses.iter().map(to_address).collect(),
        spouse: row.spouse.as_ref().and_then(to_spouse),
        erased_on: None,
    })
}

fn to_phone(row: &sienge::Phone) -> Option<Phone> {
    Some(Phone {
        number: plain(row.number.as_ref())?,
        kind: row.kind.clone(),
        main: row.main.unwrap_or(false),
        note: plain(row.note.as_ref()),
        idd: row.idd.clone(),
    })
}

fn to_address(row: &sienge::Address) -> Address {
    Address {
        kind: row.kind.clone(),
        street: plain(row.street_name.as_ref()),
        number: plain(row.number.as_ref()),
        complement: plain(row.complement.as_ref()),
        neighborhood: plain(row.neighborhood.as_ref()),
        city: plain(row.city.as_ref()),
        state: row.state.clone(),
        zip_code: plain(row.zip_code.as_ref()),
    }
}

fn to_spouse(row: &sienge::Spouse) -> Option<Spouse> {
    Some(Spouse {
        name: plain(row.name.as_ref())?,
        document: row.cpf.as_ref().map(|text| Document::from(text.as_str())),
        email: plain(row.email.as_ref()),
        phone: plain(
            row.cellphone_number
                .as_ref()
                .or(row.business_phone.as_ref()),
        ),
    })
}

pub(super) fn to_unit(row: &sienge::Unit) -> Option<Unit> {
    Some(Unit {
        id: UnitId(row.id?),
        enterprise: EnterpriseId(row.enterprise_id?),
        name: row.name.clone().unwrap_or_default(),
        stock: row.commercial_stock.clone(),
        property_type: row.property_type.clone(),
        registration: row.legal_registration_number.clone(),
        private_area: row.private_area,
    })
}

/// `None` while the contract has no receivable bill (not issued yet): there is nothing to collect.
pub(super) fn to_sales_contract(row: &sienge::SalesContract) -> Option<SalesContract> {
    let units = &row.sales_contract_units;
    let unit = units
        .iter()
        .find(|unit| unit.main == Some(true))
        .or(units.first());
    Some(SalesContract {
        bill: BillId(row.receivable_bill_id.filter(|bill| *bill > 0)?),
        id: SalesContractId(row.id?),
        number: row.number.clone(),
        enterprise: row.enterprise_id.map(EnterpriseId),
        unit: unit.and_then(|unit| unit.id).map(UnitId),
        unit_name: row.main_unit().map(str::to_owned),
        customer: row.main_customer(),
        situation: row.situation.clone(),
        cancelled_on: row.cancellation_date,
        participation: row.main_participation(),
    })
}
