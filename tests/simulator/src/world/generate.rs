//! The seeded generator. The same seed, sizes and date give the same world, always.

use std::collections::BTreeMap;

use fastrand::Rng;
use jiff::civil::Date;

use super::documents::{cnpj, cpf};
use super::draw::{add_unit, back, pick};
use super::generate_bill::{Kind, Order, contract_bill, loose_bill};
use super::{Address, Company, Customer, Enterprise, NextIds, Person, Phone, Spouse, World, names};

/// What to generate.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Seed.
    pub seed: u64,
    /// How many installments, exactly.
    pub installments: u32,
    /// How many sales contracts at most; absent = about one per 110 installments.
    pub contracts: Option<u32>,
    /// The date the world is born.
    pub today: Date,
}

/// Builds the world of a plan.
pub fn generate(plan: &Plan) -> World {
    let mut rng = Rng::with_seed(plan.seed);
    let mut world = empty(plan.today);
    let mut orders = orders(plan, &mut rng);
    // Oldest first, so that ids grow with time as they do in the ERP.
    orders.sort_by_key(|order| order.issued);
    let contracts = orders
        .iter()
        .filter(|order| matches!(order.kind, Kind::Contract))
        .count();
    companies(&mut world, &mut rng, plan.today, contracts);
    let enterprises: Vec<u32> = world.enterprises.keys().copied().collect();
    for order in orders {
        // Each bill has its own generator: changing one bill's recipe leaves the others as they are.
        let id = world.next.bill;
        let mut own = Rng::with_seed(plan.seed ^ u64::from(id).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let customer = choose_customer(&mut world, &mut own, &order);
        let bill = match order.kind {
            Kind::Contract => {
                let enterprise = pick(&mut own, &enterprises);
                contract_bill(&mut world, &mut own, &order, customer, enterprise)
            }
            Kind::Loose => loose_bill(&mut world, &mut own, &order, customer),
        };
        world.put_bill(bill);
    }
    spare_units(&mut world, &mut rng, &enterprises);
    world
}

fn empty(today: Date) -> World {
    World {
        today,
        companies: BTreeMap::new(),
        enterprises: BTreeMap::new(),
        units: BTreeMap::new(),
        customers: BTreeMap::new(),
        bills: BTreeMap::new(),
        contracts: BTreeMap::new(),
        by_customer: BTreeMap::new(),
        // Every kind counts from elsewhere, so that a mixed-up id never points at something real.
        next: NextIds {
            enterprise: 101,
            unit: 700_001,
            customer: 300_001,
            bill: 10_001,
            contract: 5_000_001,
            bank_number: 40_000_000_001,
        },
    }
}

/// Shares the installments out: about a twentieth to bills entered by hand, the rest to contracts.
fn orders(plan: &Plan, rng: &mut Rng) -> Vec<Order> {
    let total = plan.installments;
    let mut loose = if total < 10 { 0 } else { (total / 20).max(2) };
    let contracts = plan
        .contracts
        .unwrap_or(total.div_ceil(116))
        .clamp(1, (total - loose).max(1));
    let spread = u64::from((total - loose).saturating_sub(contracts));
    let weights: Vec<u64> = (0..contracts).map(|_| rng.u64(60..=140)).collect();
    let weight: u64 = weights.iter().sum();
    let mut orders = Vec::new();
    let (mut passed, mut given) = (0, 0);
    for own in weights {
        passed += own;
        let upto = spread * passed / weight;
        let size = 1 + u32::try_from(upto - given).unwrap_or(u32::MAX);
        given = upto;
        let issued = back(plan.today, rng.i64(20..=1_900));
        orders.push(Order {
            kind: Kind::Contract,
            size: if total == 0 { 0 } else { size },
            issued,
        });
    }
    while loose > 0 {
        let size = rng.u32(1..=6).min(loose);
        loose -= size;
        orders.push(Order {
            kind: Kind::Loose,
            size,
            issued: back(plan.today, rng.i64(10..=400)),
        });
    }
    orders
}

fn companies(world: &mut World, rng: &mut Rng, today: Date, contracts: usize) {
    for (position, name) in names::COMPANIES.iter().enumerate() {
        let id = u32::try_from(position + 1).unwrap_or(u32::MAX);
        let base = format!("{:08}0001", rng.u32(10_000_000..99_999_999));
        world.companies.insert(
            id,
            Company {
                id,
                name: format!("{name} Ltda"),
                trade_name: (*name).to_owned(),
                cnpj: cnpj(&base),
            },
        );
    }
    let works = 3 + (contracts / 60).min(27);
    for index in 0..works {
        let company = u32::try_from(index % names::COMPANIES.len() + 1).unwrap_or(1);
        let stem = names::WORKS[index % names::WORKS.len()];
        let phase = index / names::WORKS.len();
        let name = if phase == 0 {
            stem.to_owned()
        } else {
            format!("{stem} Fase {}", phase + 1)
        };
        add_enterprise(world, rng, company, name, back(today, 2_500));
    }
}

/// Registers an enterprise (and the cost centre of the same id).
pub fn add_enterprise(
    world: &mut World,
    rng: &mut Rng,
    company: u32,
    name: String,
    created: Date,
) -> u32 {
    let id = world.next.enterprise;
    world.next.enterprise += 1;
    let base = format!("{:08}0001", rng.u32(10_000_000..99_999_999));
    let cnpj = rng.bool().then(|| cnpj(&base));
    world.enterprises.insert(
        id,
        Enterprise {
            id,
            company,
            name,
            cnpj,
            created,
        },
    );
    id
}

fn spare_units(world: &mut World, rng: &mut Rng, enterprises: &[u32]) {
    for enterprise in enterprises {
        for _ in 0..3 {
            add_unit(world, rng, *enterprise, None);
        }
    }
}

/// A quarter of the bills go to a customer already there.
fn choose_customer(world: &mut World, rng: &mut Rng, order: &Order) -> u32 {
    let known = world.next.customer - 300_001;
    if known > 0 && rng.u32(0..100) < 25 {
        return 300_001 + rng.u32(0..known);
    }
    add_customer(world, rng, order.issued)
}

/// Registers an invented customer.
pub fn add_customer(world: &mut World, rng: &mut Rng, created: Date) -> u32 {
    let id = world.next.customer;
    world.next.customer += 1;
    let natural = rng.u32(0..100) < 85;
    let (name, person) = if natural {
        natural_person(rng, id, created)
    } else {
        legal_person(rng, id)
    };
    let email = (rng.u32(0..100) < 80).then(|| format!("cliente{id}@exemplo.com.br"));
    let mut addresses = vec![address(rng, if natural { "R" } else { "C" })];
    if natural && rng.u32(0..100) < 20 {
        addresses.push(address(rng, "C"));
    }
    let phones = phones(rng);
    let customer = Customer {
        id,
        name,
        person,
        email,
        phones,
        addresses,
        created,
        modified: created,
        active: rng.u32(0..100) < 98,
    };
    world.customers.insert(id, customer);
    id
}

fn natural_person(rng: &mut Rng, id: u32, created: Date) -> (String, Person) {
    let spouse = (rng.u32(0..100) < 35).then(|| {
        Box::new(Spouse {
            name: full_name(rng),
            cpf: invented_cpf(id + 1_000_000),
            female: rng.bool(),
            mobile: rng.bool().then(|| mobile(rng)),
            email: rng
                .bool()
                .then(|| format!("conjuge{}@exemplo.com.br", rng.u32(1_000..9_999))),
        })
    });
    let person = Person::Natural {
        cpf: invented_cpf(id),
        female: rng.bool(),
        birth: back(created, rng.i64(7_000..25_000)),
        profession: rng.bool().then(|| pick(rng, names::PROFESSIONS).to_owned()),
        spouse,
    };
    (full_name(rng), person)
}

fn legal_person(rng: &mut Rng, id: u32) -> (String, Person) {
    let base: String = if rng.bool() {
        format!("{}0001", scattered(id, 8))
    } else {
        // Letters are allowed in the first twelve positions since July 2026.
        (0..12)
            .map(|_| char::from(pick(rng, b"0123456789ABCDEFGHJKLMNPRSTVWXYZ")))
            .collect()
    };
    let fantasy = format!("{} {}", pick(rng, names::TRADES), pick(rng, names::MIDDLE));
    let name = format!("{fantasy} Ltda");
    (
        name,
        Person::Legal {
            cnpj: cnpj(&base),
            fantasy,
        },
    )
}

fn full_name(rng: &mut Rng) -> String {
    format!(
        "{} {} {}",
        pick(rng, names::FIRST),
        pick(rng, names::MIDDLE),
        pick(rng, names::LAST)
    )
}

/// Scatters ids over `digits` decimal digits, each id to a place of its own.
fn scattered(id: u32, digits: u32) -> String {
    let width = usize::try_from(digits).unwrap_or(9);
    // Odd and no multiple of five, so nothing is hit twice.
    format!(
        "{:0width$}",
        u64::from(id) * 123_456_791 % 10_u64.pow(digits)
    )
}

fn invented_cpf(number: u32) -> String {
    let mut base = [0; 9];
    for (digit, byte) in base.iter_mut().zip(scattered(number, 9).bytes()) {
        *digit = byte - b'0';
    }
    // Nine equal digits would give one of the documents every validator refuses.
    if base.iter().all(|digit| *digit == base[0]) {
        base[0] = (base[0] + 1) % 10;
    }
    cpf(base)
}

fn mobile(rng: &mut Rng) -> String {
    format!(
        "{}9{:08}",
        pick(rng, names::AREA_CODES),
        rng.u32(10_000_000..99_999_999)
    )
}

fn phones(rng: &mut Rng) -> Vec<Phone> {
    let count = pick(rng, &[0_u32, 1, 1, 1, 2, 2, 3]);
    (0..count)
        .map(|index| {
            let kind = if index == 0 {
                "CE"
            } else {
                pick(rng, &["CO", "RE"])
            };
            let number = if kind == "CE" {
                mobile(rng)
            } else {
                format!(
                    "{}3{:07}",
                    pick(rng, names::AREA_CODES),
                    rng.u32(1_000_000..9_999_999)
                )
            };
            Phone {
                number,
                kind: kind.to_owned(),
                main: index == 0,
                note: (rng.u32(0..100) < 15).then(|| "Recado".to_owned()),
            }
        })
        .collect()
}

fn address(rng: &mut Rng, kind: &str) -> Address {
    let (city_id, city, state, zip) = pick(rng, names::CITIES);
    Address {
        kind: kind.to_owned(),
        street: pick(rng, names::STREETS).to_owned(),
        number: rng.u32(1..3_000).to_string(),
        complement: rng.bool().then(|| format!("Ap {}", rng.u32(1..200))),
        district: pick(rng, names::DISTRICTS).to_owned(),
        city_id,
        city: city.to_owned(),
        state: state.to_owned(),
        zip: format!("{zip}{:05}", rng.u32(0..99_999)),
    }
}
