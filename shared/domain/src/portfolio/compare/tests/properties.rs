//! Whatever happens in Sienge and however the news of it arrive (late, twice, out of order, never), one look at the whole bill
//! makes ours equal to Sienge's, and every payment was told once.

use crate::ids::InstallmentId;
use std::collections::BTreeMap;

use proptest::prelude::*;

use super::model::{Look, Operation, World, look, operation};
use super::support::*;
use crate::money::Cents;
use crate::portfolio::*;

#[derive(Debug, Clone)]
enum Step {
    Operation(Operation),
    /// With how much of the change set is written before the process dies, in percent, when it does.
    Look(Look, Option<usize>),
}

fn steps(dies: bool) -> impl Strategy<Value = Vec<Step>> {
    let death = if dies {
        prop::option::of(0..100_usize).boxed()
    } else {
        Just(None).boxed()
    };
    prop::collection::vec(
        prop_oneof![
            operation().prop_map(Step::Operation),
            (look(), death).prop_map(|(look, death)| Step::Look(look, death)),
        ],
        1..40,
    )
}

/// Ours, following a world through the looks of a script.
struct Story {
    past: Vec<World>,
    ours: Ours,
    /// Payments of each installment from before it was included.
    before: BTreeMap<i64, Cents>,
}

impl Story {
    fn begin() -> Self {
        let world = World::new(5);
        Self {
            past: vec![world],
            ours: Ours::new(),
            before: BTreeMap::new(),
        }
    }

    fn of(script: &[Step]) -> Self {
        let mut story = Self::begin();
        for step in script {
            match step {
                Step::Operation(operation) => {
                    let mut world = story.now().clone();
                    world.perform(operation);
                    story.past.push(world);
                }
                Step::Look(look, death) => story.look(look, *death),
            }
        }
        story
    }

    fn now(&self) -> &World {
        self.past.last().unwrap()
    }

    fn look(&mut self, look: &Look, death: Option<usize>) {
        let world = self.past[self.past.len() - 1 - look.age.min(self.past.len() - 1)].clone();
        let asked = self.take(&world, look, death);
        if !look.follows {
            return;
        }
        let mut look = look.clone();
        if asked.next == Next::ReadWhole {
            look.coverage = Coverage::WholeOnce;
            look.with_header = true;
            let asked = self.take(&world, &look, None);
            assert_ne!(
                asked.next,
                Next::ReadWhole,
                "a whole look with the bill's own facts is enough"
            );
            look.coverage = Coverage::WholeConfirmed;
            self.take(&world, &look, None);
        } else if asked.next != Next::Nothing {
            look.coverage = Coverage::WholeConfirmed;
            self.take(&world, &look, None);
        }
    }

    fn take(&mut self, world: &World, look: &Look, death: Option<usize>) -> Outcome {
        let seen = look.at(world);
        let outcome = self.compare(&seen, look.scope, world);
        check(&self.ours.held, &outcome);
        if !look.coverage.is_whole() {
            for change in &outcome.changes {
                let Change::Installment(_, installment) = change else {
                    continue;
                };
                assert!(
                    seen.installments.iter().any(|row| row.id == installment.id)
                        || seen.boletos.contains_key(&installment.id)
                );
            }
        }
        let written = death.map_or(outcome.changes.len(), |percent| {
            outcome.changes.len() * percent / 100
        });
        for change in &outcome.changes[..written] {
            if let Change::Installment(Action::Included, installment) = change {
                let id = installment.id;
                self.before
                    .entry(id.0)
                    .or_insert_with(|| world.paid(id.0) - told_of(&outcome, id));
            }
        }
        if written < outcome.changes.len() {
            interrupt(&mut self.ours.held, &outcome, written);
            return Outcome::default();
        }
        apply(&mut self.ours.held, &outcome);
        self.ours.told.extend(outcome.events.iter().cloned());
        let again = self.compare(&seen, look.scope, world);
        assert_eq!(
            (&again.changes, &again.events),
            (&vec![], &vec![]),
            "comparing again changes nothing"
        );
        outcome
    }

    fn compare(&self, seen: &Observation, scope: Scope, world: &World) -> Outcome {
        compare(
            &self.ours.held,
            seen,
            scope,
            &self.ours.settings.policy(),
            world.day,
        )
    }

    /// One whole, confirmed look at the present.
    fn finish(&mut self, scope: Scope) {
        let look = Look {
            scope,
            coverage: Coverage::WholeConfirmed,
            rows: 0,
            with_header: true,
            age: 0,
            follows: false,
        };
        let world = self.now().clone();
        let outcome = self.take(&world, &look, None);
        assert_eq!(outcome.next, Next::Nothing);
        assert!(self.ours.held.pending_events.is_empty());
    }

    fn assert_equal_to_sienge(&self, also_contract: bool) {
        let world = self.now();
        let held: Vec<&Installment> = self
            .ours
            .held
            .installments()
            .filter(|held| held.is_open())
            .collect();
        let open: BTreeMap<i64, Fingerprint> = held
            .iter()
            .map(|held| (held.id.0, held.fingerprint()))
            .collect();
        assert_eq!(open.len(), held.len(), "no installment is collected twice");
        assert_eq!(open, world.open());
        for installment in &held {
            let contract = self.ours.held.contract(&installment.contract).unwrap();
            assert_eq!(contract.state, ContractState::Open);
            assert_eq!(installment.negotiation, contract.negotiation);
            assert!(installment.boleto || !world.sienge.boletos.contains_key(&installment.id));
            if also_contract {
                assert_eq!(installment.contract, world.key());
            }
        }
        let open_contracts = self
            .ours
            .held
            .contracts()
            .filter(|contract| contract.state == ContractState::Open);
        assert_eq!(open_contracts.count(), usize::from(!held.is_empty()));
    }

    fn assert_every_payment_was_told_once(&self) {
        let world = self.now();
        let mut told: BTreeMap<i64, Cents> = BTreeMap::new();
        let mut ids = std::collections::BTreeSet::new();
        for event in &self.ours.told {
            assert!(ids.insert(&event.id), "an event is told once: {event:?}");
            let amount = match &event.kind {
                EventKind::DirectPayment { paid, .. } => *paid,
                EventKind::PaymentReversed { reversed, .. } => -*reversed,
                _ => continue,
            };
            *told.entry(event.installments[0].0).or_default() += amount;
        }
        let current = self
            .ours
            .held
            .contracts()
            .find(|contract| contract.state == ContractState::Open);
        for held in self.ours.held.installments() {
            if Some(&held.contract) == current.map(|contract| &contract.key)
                && world.sienge.rows.contains_key(&held.id.0)
            {
                let expected = world.paid(held.id.0) - self.before[&held.id.0];
                assert_eq!(
                    told.get(&held.id.0).copied().unwrap_or_default(),
                    expected,
                    "installment {}",
                    held.id
                );
            }
        }
    }
}

/// What an outcome tells to be paid of an installment.
fn told_of(outcome: &Outcome, id: InstallmentId) -> Cents {
    let paid = outcome
        .events
        .iter()
        .filter(|event| event.installments == [id]);
    paid.fold(Cents::ZERO, |sum, event| match &event.kind {
        EventKind::DirectPayment { paid, .. } => sum + *paid,
        _ => sum,
    })
}

/// Writes the first changes as the store does in the slices before the last one: the events wait with them.
pub fn interrupt(held: &mut HeldBill, outcome: &Outcome, written: usize) {
    if written == 0 {
        return;
    }
    let part = Outcome {
        changes: outcome.changes[..written].to_vec(),
        ..Outcome::default()
    };
    apply(held, &part);
    held.pending_events.clone_from(&outcome.events);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_news_followed_by_one_reconciliation_equal_sienge(script in steps(false)) {
        let mut story = Story::of(&script);
        story.finish(Scope::Reconciliation);
        story.assert_equal_to_sienge(true);
        story.assert_every_payment_was_told_once();
    }

    #[test]
    fn any_news_followed_by_one_sync_equal_sienge(script in steps(false)) {
        let mut story = Story::of(&script);
        story.finish(Scope::Sync);
        story.assert_equal_to_sienge(false);
        story.assert_every_payment_was_told_once();
    }

    #[test]
    fn deaths_in_the_middle_of_writing_lose_nothing(script in steps(true)) {
        let mut story = Story::of(&script);
        story.finish(Scope::Reconciliation);
        story.assert_equal_to_sienge(true);
        story.assert_every_payment_was_told_once();
    }

    #[test]
    fn a_death_and_a_repeat_are_as_good_as_no_death(script in steps(false), last in look(), cuts in prop::collection::vec(0..100_usize, 1..4)) {
        let story = Story::of(&script);
        let seen = last.at(story.now());
        let world = story.now();
        let whole = story.compare(&seen, last.scope, world);
        let mut undisturbed = story.ours.held.clone();
        apply(&mut undisturbed, &whole);

        let mut held = story.ours.held.clone();
        for cut in cuts {
            let outcome = compare(&held, &seen, last.scope, &story.ours.settings.policy(), world.day);
            interrupt(&mut held, &outcome, outcome.changes.len() * cut / 100);
        }
        let mut outcome = compare(&held, &seen, last.scope, &story.ours.settings.policy(), world.day);
        let put_off = outcome.next != Next::Nothing && outcome.changes.is_empty() && outcome.events.is_empty();
        if put_off && !held.pending_events.is_empty() && !last.coverage.is_whole() {
            // A partial view cannot tell what is left of an interrupted change set; that is what it asks the whole bill for.
            return Ok(());
        }
        apply(&mut held, &outcome);
        prop_assert_eq!(held.contracts().collect::<Vec<_>>(), undisturbed.contracts().collect::<Vec<_>>());
        prop_assert_eq!(held.installments().collect::<Vec<_>>(), undisturbed.installments().collect::<Vec<_>>());
        let mut expected = whole.events;
        expected.sort_by(|one, other| one.id.cmp(&other.id));
        outcome.events.sort_by(|one, other| one.id.cmp(&other.id));
        prop_assert_eq!(outcome.events, expected);
    }
}
