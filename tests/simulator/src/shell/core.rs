//! The world behind the server: its business date, the hooks, what is held back, and the journal
//! from which all of it is rebuilt after a restart.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::civil::Date;
use jiff::tz::{TimeZone, offset};
use serde_json::{Value, json};

use super::hook::{Hook, Pending, Told};
use super::journal::{Journal, Record};
use super::view;
use crate::options::Options;
use crate::world::operations::{self, Draft};
use crate::world::{Plan, World, generate};

/// What an operation did.
#[derive(Debug)]
pub struct Applied {
    /// For whoever asked.
    pub answer: Value,
    /// What is to be delivered.
    pub pending: Vec<Pending>,
}

/// World, hooks and date, under one lock.
#[derive(Debug)]
pub struct Core {
    world: World,
    /// Registered hooks, oldest first.
    pub hooks: Vec<Hook>,
    nonce: u64,
    told: u64,
    held: Option<(Instant, Draft)>,
    pinned: Option<Date>,
    journal: Arc<Journal>,
}

/// The civil date in Brazil, which keeps no daylight saving time since 2019.
pub fn system_date() -> Date {
    jiff::Timestamp::now()
        .to_zoned(TimeZone::fixed(offset(-3)))
        .date()
}

impl Core {
    /// A new world, or the one the journal tells of. Also gives what was still to be delivered.
    pub fn open(
        options: &Options,
        journal: &Arc<Journal>,
        records: Vec<Record>,
    ) -> io::Result<(Self, Vec<Pending>)> {
        let mut records = records.into_iter();
        let born = match records.next() {
            Some(Record::Born(born)) => born,
            Some(_) => {
                return Err(io::Error::other(
                    "the state file does not begin with the world's birth",
                ));
            }
            None => {
                let born = super::journal::Born {
                    seed: options.seed,
                    installments: options.installments,
                    contracts: options.contracts,
                    today: options.today.unwrap_or_else(system_date),
                    // Event ids must differ between two worlds of the same seed: receivers remember them.
                    nonce: fastrand::u64(..),
                };
                journal.write(&Record::Born(born.clone()))?;
                born
            }
        };
        let world = generate(&Plan {
            seed: born.seed,
            installments: born.installments,
            contracts: born.contracts,
            today: born.today,
        });
        let mut core = Self {
            world,
            hooks: Vec::new(),
            nonce: born.nonce,
            told: 0,
            held: None,
            pinned: None,
            journal: Arc::new(Journal::nowhere()),
        };
        let mut pending = BTreeMap::new();
        for record in records {
            core.replay(record, &mut pending)?;
        }
        core.journal = Arc::clone(journal);
        if options.today.is_some() {
            core.pinned = options.today;
        }
        Ok((core, pending.into_values().collect()))
    }

    fn replay(
        &mut self,
        record: Record,
        pending: &mut BTreeMap<(String, String), Pending>,
    ) -> io::Result<()> {
        match record {
            Record::Born(_) => return Err(io::Error::other("the state file holds two births")),
            Record::Hook(hook) => self.hooks.push(hook),
            Record::Unhook { id } => self.hooks.retain(|hook| hook.id != id),
            Record::Today { today } => self.pinned = today,
            Record::Settled { event, hook } => {
                pending.remove(&(event, hook));
            }
            Record::Operation { name, body, today } => {
                self.world.today = today;
                let applied = self
                    .operate(&name, &body, Duration::ZERO)
                    .map_err(io::Error::other)?;
                for row in applied.pending {
                    pending.insert((row.event.id.clone(), row.hook.id.clone()), row);
                }
            }
        }
        Ok(())
    }

    /// The world as it may be read now.
    pub fn world(&mut self) -> &World {
        self.refresh(false);
        &self.world
    }

    /// The world, to change without telling anybody (tests). Not kept in the state file.
    pub fn world_mut(&mut self) -> &mut World {
        self.refresh(true);
        &mut self.world
    }

    fn refresh(&mut self, all: bool) {
        self.world.today = self.pinned.unwrap_or_else(system_date);
        if self
            .held
            .as_ref()
            .is_some_and(|(until, _)| all || Instant::now() >= *until)
            && let Some((_, draft)) = self.held.take()
        {
            operations::commit(&mut self.world, draft);
        }
    }

    /// Sets the business date, or lets it follow the system's.
    pub fn set_today(&mut self, today: Option<Date>) -> io::Result<()> {
        self.pinned = today;
        self.journal.write(&Record::Today { today })
    }

    /// Does an operation. With `early` its events go out before the world shows it.
    pub fn apply(&mut self, name: &str, body: &Value, early: Duration) -> Result<Applied, String> {
        self.refresh(true);
        let applied = self.operate(name, body, early)?;
        let record = Record::Operation {
            name: name.to_owned(),
            body: body.clone(),
            today: self.world.today,
        };
        self.journal
            .write(&record)
            .map_err(|error| format!("the state file cannot be written: {error}"))?;
        Ok(applied)
    }

    fn operate(&mut self, name: &str, body: &Value, early: Duration) -> Result<Applied, String> {
        let silent = match body.get("silent") {
            None | Some(Value::Null) => false,
            Some(Value::Bool(silent)) => *silent,
            Some(_) => return Err("silent must be true or false".to_owned()),
        };
        let draft = operations::plan(&self.world, name, body)?;
        let events: Vec<Told> = draft
            .events
            .iter()
            .map(|event| self.tell(event.name, event.body.clone()))
            .collect();
        let answer = view::applied(name, &draft, &events, silent);
        if early.is_zero() {
            operations::commit(&mut self.world, draft);
        } else {
            self.held = Some((Instant::now() + early, draft));
        }
        let events = if silent { Vec::new() } else { events };
        Ok(Applied {
            answer,
            pending: events
                .into_iter()
                .flat_map(|event| self.wanted(&event))
                .collect(),
        })
    }

    /// Gives an event of an operation its id. They count on after a restart, so none is used twice.
    fn tell(&mut self, name: &str, body: Value) -> Told {
        self.told += 1;
        let mut rng =
            fastrand::Rng::with_seed(self.nonce ^ self.told.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        Told {
            id: uuid(&mut rng),
            name: name.to_owned(),
            body,
        }
    }

    /// An event no operation tells: its id is drawn, since the state file does not count it.
    pub fn tell_apart(name: &str, body: Value) -> Told {
        Told {
            id: uuid(&mut fastrand::Rng::new()),
            name: name.to_owned(),
            body,
        }
    }

    /// One delivery per hook that wants the event.
    pub fn wanted(&self, event: &Told) -> Vec<Pending> {
        let hooks = self
            .hooks
            .iter()
            .filter(|hook| hook.events.contains(&event.name));
        hooks
            .map(|hook| Pending {
                event: event.clone(),
                hook: hook.clone(),
            })
            .collect()
    }

    /// Registers a hook.
    pub fn add_hook(&mut self, hook: Hook) -> io::Result<()> {
        self.journal.write(&Record::Hook(hook.clone()))?;
        self.hooks.push(hook);
        Ok(())
    }

    /// Removes a hook of a subdomain; says whether there was one.
    pub fn remove_hook(&mut self, subdomain: &str, id: &str) -> io::Result<bool> {
        let before = self.hooks.len();
        self.hooks
            .retain(|hook| hook.id != id || hook.subdomain != subdomain);
        if self.hooks.len() == before {
            return Ok(false);
        }
        self.journal.write(&Record::Unhook { id: id.to_owned() })?;
        Ok(true)
    }

    /// Sizes, for whoever looks.
    pub fn summary(&mut self) -> Value {
        let pinned = self.pinned.is_some();
        let hooks = self.hooks.len();
        let world = self.world();
        let open = world
            .bills
            .values()
            .flat_map(|bill| &bill.installments)
            .filter(|row| row.open())
            .count();
        json!({
            "today": world.today.to_string(),
            "todayPinned": pinned,
            "companies": world.companies.keys().collect::<Vec<_>>(),
            "enterprises": world.enterprises.keys().collect::<Vec<_>>(),
            "customers": world.customers.len(),
            "units": world.units.len(),
            "bills": world.bills.len(),
            "salesContracts": world.contracts.len(),
            "installments": world.installment_count(),
            "openInstallments": open,
            "hooks": hooks,
        })
    }
}

/// A random UUID (version 4).
pub fn uuid(rng: &mut fastrand::Rng) -> String {
    let bits = (rng.u128(..) & !(0xF000 << 64) & !(0xC000 << 48)) | (0x4000 << 64) | (0x8000 << 48);
    let hex = format!("{bits:032x}");
    format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
}
