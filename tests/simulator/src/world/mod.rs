//! The world the simulator tells about: companies, works, people, contracts, bills and their
//! installments. Plain data and plain functions: no clock, no network, no lock. Every endpoint
//! reads this one world, so all sources tell the same story.

mod bill;
pub mod documents;
mod draw;
mod generate;
mod generate_bill;
mod names;
pub mod operations;
mod person;
pub mod tables;

use std::collections::BTreeMap;

use jiff::civil::Date;

pub use bill::{
    Assignment, Bill, Cancellation, Contract, Installment, Receipt, Remake, Situation, days_between,
};
pub use generate::{Plan, generate};
pub use person::{Address, Customer, Person, Phone, Spouse};

/// A company (empresa).
#[derive(Clone, Debug)]
pub struct Company {
    /// Its id.
    pub id: u32,
    /// Its legal name.
    pub name: String,
    /// Its trade name.
    pub trade_name: String,
    /// Its CNPJ, bare.
    pub cnpj: String,
}

/// An enterprise (empreendimento), which is also the cost centre of the same id.
#[derive(Clone, Debug)]
pub struct Enterprise {
    /// Its id.
    pub id: u32,
    /// The company it belongs to.
    pub company: u32,
    /// Its name.
    pub name: String,
    /// Its CNPJ, bare; some have none.
    pub cnpj: Option<String>,
    /// When it was registered.
    pub created: Date,
}

/// A unit (unidade) of an enterprise.
#[derive(Clone, Debug)]
pub struct Unit {
    /// Its id.
    pub id: u32,
    /// Its enterprise.
    pub enterprise: u32,
    /// Its name, such as `AP 303`.
    pub name: String,
    /// The sales contract it was sold by, if any.
    pub contract: Option<u32>,
    /// Private area in hundredths of a square metre.
    pub area: u32,
}

/// Everything.
#[derive(Clone, Debug)]
pub struct World {
    /// The business date all "as of today" answers use.
    pub today: Date,
    /// Companies by id.
    pub companies: BTreeMap<u32, Company>,
    /// Enterprises by id.
    pub enterprises: BTreeMap<u32, Enterprise>,
    /// Units by id.
    pub units: BTreeMap<u32, Unit>,
    /// Customers by id.
    pub customers: BTreeMap<u32, Customer>,
    /// Receivable bills by id.
    pub bills: BTreeMap<u32, Bill>,
    /// The bill of each sales contract.
    pub contracts: BTreeMap<u32, u32>,
    /// The bills of each customer.
    pub by_customer: BTreeMap<u32, Vec<u32>>,
    /// The next ids to give out.
    pub next: NextIds,
}

/// The next free id of each kind.
#[derive(Clone, Copy, Debug)]
pub struct NextIds {
    /// Next enterprise.
    pub enterprise: u32,
    /// Next unit.
    pub unit: u32,
    /// Next customer.
    pub customer: u32,
    /// Next bill.
    pub bill: u32,
    /// Next sales contract.
    pub contract: u32,
    /// Next bank number (nosso número) of a boleto.
    pub bank_number: u64,
}

impl World {
    /// A world with the same ids to give out and nothing in it but companies and enterprises.
    #[must_use]
    pub fn scratch(&self) -> Self {
        Self {
            today: self.today,
            companies: self.companies.clone(),
            enterprises: self.enterprises.clone(),
            units: BTreeMap::new(),
            customers: BTreeMap::new(),
            bills: BTreeMap::new(),
            contracts: BTreeMap::new(),
            by_customer: BTreeMap::new(),
            next: self.next,
        }
    }

    /// The bill of a sales contract.
    pub fn contract_bill(&self, contract: u32) -> Option<&Bill> {
        self.bills.get(self.contracts.get(&contract)?)
    }

    /// The bills of a customer, oldest first.
    pub fn bills_of(&self, customer: u32) -> impl Iterator<Item = &Bill> {
        let ids = self
            .by_customer
            .get(&customer)
            .map_or(&[][..], Vec::as_slice);
        ids.iter().filter_map(|id| self.bills.get(id))
    }

    /// All sales contracts with their bills, by contract id.
    pub fn all_contracts(&self) -> impl DoubleEndedIterator<Item = (&Contract, &Bill)> {
        self.contracts.values().filter_map(|id| {
            let bill = self.bills.get(id)?;
            Some((bill.contract.as_ref()?, bill))
        })
    }

    /// Puts a bill in place, with its indexes.
    pub fn put_bill(&mut self, bill: Bill) {
        if let Some(old) = self.bills.get(&bill.id)
            && old.customer != bill.customer
            && let Some(ids) = self.by_customer.get_mut(&old.customer)
        {
            ids.retain(|id| *id != bill.id);
        }
        let ids = self.by_customer.entry(bill.customer).or_default();
        if let Err(position) = ids.binary_search(&bill.id) {
            ids.insert(position, bill.id);
        }
        if let Some(contract) = &bill.contract {
            self.contracts.insert(contract.id, bill.id);
        }
        self.bills.insert(bill.id, bill);
    }

    /// Takes a bill out, with its indexes.
    pub fn drop_bill(&mut self, id: u32) {
        let Some(bill) = self.bills.remove(&id) else {
            return;
        };
        if let Some(ids) = self.by_customer.get_mut(&bill.customer) {
            ids.retain(|other| *other != id);
        }
        if let Some(contract) = &bill.contract {
            self.contracts.remove(&contract.id);
        }
    }

    /// How many installments there are in all.
    pub fn installment_count(&self) -> usize {
        self.bills
            .values()
            .map(|bill| bill.installments.len())
            .sum()
    }
}
