//! The one way an agreement changes.

use std::collections::BTreeMap;

use super::event::{AgreementTold, tell, tell_payment};
use super::{AgreedRow, Agreement, AgreementKind, AgreementSettings, AgreementState, Breaking, Generated, StateName};
use crate::calculation::Cents;
use crate::calendar::{Date, Timestamp};
use crate::portfolio::{BillId, ContractKey, InstallmentId, TimelineEvent};

/// What happens to an agreement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A proposal is confirmed.
    Confirm {
        /// Now: the intention's instant, for an integrated one.
        sent_at: Timestamp,
        /// Base date of the indexer on this day, for an integrated one.
        base_date: Option<Date>,
    },
    /// The remake was not found in Sienge: it may be asked for once more.
    ErpAgain {
        /// Now.
        sent_at: Timestamp,
    },
    /// The last attempt was never sent: it does not count.
    ErpNotSent,
    /// Sienge made the remake.
    ErpDone {
        /// The installments it generated.
        generated: Vec<InstallmentId>,
    },
    /// Sienge does not have the remake and will not make it.
    ErpRefused {
        /// Why.
        reason: String,
    },
    /// A look at one bill showed what is paid of what is to be paid on it.
    Seen {
        /// The bill.
        bill: BillId,
        /// Day of the payment that settled each; those absent are not paid.
        paid: BTreeMap<InstallmentId, Date>,
    },
    /// It is not kept.
    Break {
        /// How.
        how: Breaking,
    },
    /// It is taken back.
    Cancel {
        /// Why.
        reason: String,
    },
    /// The proposal's last day passed.
    Expire,
}

/// An agreement after a step, and what is told of it; the bus is told what [`TimelineEvent::domain_event`] says of the events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// The agreement, its revision one higher.
    pub agreement: Agreement,
    /// The events.
    pub events: Vec<TimelineEvent>,
}

/// The state does not allow the step.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAllowed {
    /// Other states do.
    #[error("não é possível {step} um acordo {}: só {}", state.text(), allowed_text(allowed))]
    State {
        /// The step, as a verb.
        step: &'static str,
        /// Where the agreement is.
        state: StateName,
        /// The states that allow it.
        allowed: &'static [StateName],
    },
    /// 7.3.3: an integrated agreement ends in Sienge.
    #[error(
        "um acordo integrado não é {0} aqui: exclua o reparcelamento no Sienge, e o acordo será quebrado na carga diária ou na abertura do cliente"
    )]
    EndsInErp(&'static str),
    /// Something was paid already.
    #[error("não é possível cancelar um acordo com pagamentos; quebre o acordo")]
    Paid,
}

fn allowed_text(allowed: &[StateName]) -> String {
    let names: Vec<&str> = allowed.iter().map(|name| name.text()).collect();
    names.join(" ou ")
}

/// Takes a step, or says which states allow it. Total: every step has an answer in every state.
pub fn transition(agreement: &Agreement, step: &Step, settings: &AgreementSettings, today: Date) -> Result<Transition, NotAllowed> {
    check(agreement, step, settings)?;
    let mut after = agreement.clone();
    after.revision += 1;
    let mut events = Vec::new();
    let told = match step {
        Step::Confirm { sent_at, base_date } => {
            if let Some(remake) = &mut after.remake {
                remake.remade_on = today;
                remake.base_date = base_date.unwrap_or(remake.base_date);
            }
            Some(confirm(&mut after, today, *sent_at))
        }
        Step::ErpAgain { sent_at } => {
            if let AgreementState::AwaitingErp { attempts, .. } = agreement.state {
                after.state = AgreementState::AwaitingErp {
                    sent_at: *sent_at,
                    attempts: attempts.saturating_add(1),
                };
            }
            None
        }
        Step::ErpNotSent => {
            if let AgreementState::AwaitingErp { attempts, sent_at } = agreement.state {
                after.state = AgreementState::AwaitingErp {
                    sent_at,
                    attempts: attempts.saturating_sub(1),
                };
            }
            None
        }
        Step::ErpDone { generated } => {
            if let Some(remake) = &mut after.remake {
                let mut ids = generated.clone();
                ids.sort_unstable();
                ids.dedup();
                let unpaid = |installment| Generated {
                    installment,
                    paid_on: None,
                };
                remake.generated = ids.into_iter().map(unpaid).collect();
            }
            after.confirmed_on = Some(today);
            after.state = AgreementState::Active;
            Some(AgreementTold::Made)
        }
        Step::ErpRefused { reason } | Step::Cancel { reason } => {
            after.state = AgreementState::Cancelled {
                on: today,
                reason: reason.clone(),
            };
            Some(AgreementTold::Cancelled { reason: reason.clone() })
        }
        Step::Seen { bill, paid } => {
            let reversed = note_payments(&mut after, *bill, paid);
            events = rows_paid(agreement, &mut after, *bill, today);
            if all_paid(&after) {
                after.state = AgreementState::Settled { on: today };
                Some(AgreementTold::Settled)
            } else if reversed && !after.is_paid_in_part() && settings.remove_reneg_on_reversed_activation {
                Some(break_it(&mut after, &Breaking::ActivationReversed, settings, today))
            } else {
                None
            }
        }
        Step::Break { how } => Some(break_it(&mut after, how, settings, today)),
        Step::Expire => {
            after.state = AgreementState::Expired { on: today };
            Some(AgreementTold::Expired)
        }
    };
    if let Some(told) = told {
        events.extend(tell(&after, &told, today));
    }
    Ok(Transition { agreement: after, events })
}

/// The agreement begins: at once, or with the intention to remake.
pub(super) fn confirm(agreement: &mut Agreement, today: Date, sent_at: Timestamp) -> AgreementTold {
    match agreement.kind {
        AgreementKind::Integrated => {
            agreement.state = AgreementState::AwaitingErp { sent_at, attempts: 1 };
            AgreementTold::Sent
        }
        AgreementKind::NonIntegrated => {
            agreement.state = AgreementState::Active;
            agreement.confirmed_on = Some(today);
            AgreementTold::Made
        }
    }
}

fn check(agreement: &Agreement, step: &Step, settings: &AgreementSettings) -> Result<(), NotAllowed> {
    use StateName::{Active, AwaitingErp, Proposed};
    let state = agreement.state.name();
    let integrated = agreement.kind == AgreementKind::Integrated;
    let (verb, allowed): (&'static str, &'static [StateName]) = match step {
        Step::Confirm { .. } => ("confirmar", &[Proposed]),
        Step::Expire => ("expirar", &[Proposed]),
        Step::ErpAgain { .. } | Step::ErpNotSent | Step::ErpDone { .. } | Step::ErpRefused { .. } => ("gravar no Sienge", &[AwaitingErp]),
        Step::Seen { .. } => ("registrar pagamentos em", &[Active]),
        Step::Break {
            how: Breaking::Command { .. },
        } if settings.break_awaiting_approval => ("quebrar", &[Active, Proposed]),
        Step::Break { .. } => ("quebrar", &[Active]),
        Step::Cancel { .. } => ("cancelar", &[Proposed, Active]),
    };
    if !allowed.contains(&state) {
        return Err(NotAllowed::State {
            step: verb,
            state,
            allowed,
        });
    }
    match step {
        Step::Break {
            how: Breaking::Command { .. } | Breaking::Lapsed { .. },
        } if integrated && state == Active => Err(NotAllowed::EndsInErp("quebrado")),
        Step::Cancel { .. } if integrated && state == Active => Err(NotAllowed::EndsInErp("cancelado")),
        Step::Cancel { .. } if agreement.is_paid_in_part() => Err(NotAllowed::Paid),
        _ => Ok(()),
    }
}

fn break_it(after: &mut Agreement, how: &Breaking, settings: &AgreementSettings, today: Date) -> AgreementTold {
    after.withdrawn = *how == Breaking::ActivationReversed || (settings.remove_reneg_on_unpaid_break && !after.is_paid_in_part());
    after.state = AgreementState::Broken {
        on: today,
        how: how.clone(),
    };
    AgreementTold::Broken { how: how.clone() }
}

/// Notes what is paid on a bill; answers whether a payment noted before was taken back.
fn note_payments(after: &mut Agreement, bill: BillId, paid: &BTreeMap<InstallmentId, Date>) -> bool {
    let mut reversed = false;
    let mut note = |installment: InstallmentId, paid_on: &mut Option<Date>| {
        let now = paid.get(&installment).copied();
        reversed |= paid_on.is_some() && now.is_none();
        *paid_on = now;
    };
    match &mut after.remake {
        Some(remake) => {
            for one in &mut remake.generated {
                note(one.installment, &mut one.paid_on);
            }
        }
        None => {
            for debt in after.debts.iter_mut().filter(|debt| debt.contract.bill == bill) {
                note(debt.installment, &mut debt.paid_on);
            }
        }
    }
    reversed
}

fn all_paid(agreement: &Agreement) -> bool {
    match &agreement.remake {
        Some(remake) => !remake.generated.is_empty() && remake.generated.iter().all(|one| one.paid_on.is_some()),
        None => agreement.debts.iter().all(|debt| debt.paid_on.is_some()),
    }
}

/// Marks the rows that are paid now, and tells those that were not before.
fn rows_paid(before: &Agreement, after: &mut Agreement, bill: BillId, today: Date) -> Vec<TimelineEvent> {
    let days = paid_days(after);
    for (row, day) in after.rows.iter_mut().zip(days) {
        row.paid_on = day;
    }
    let of = u16::try_from(after.rows.len()).unwrap_or(u16::MAX);
    let fresh = before
        .rows
        .iter()
        .zip(&after.rows)
        .filter(|(before, after)| before.paid_on.is_none() && after.paid_on.is_some());
    let rows: Vec<(usize, &AgreedRow)> = fresh.map(|(_, row)| (usize::from(row.number - 1), row)).collect();
    let Some(contract) = after.debts.iter().map(|debt| &debt.contract).find(|contract| contract.bill == bill) else {
        return Vec::new();
    };
    rows.into_iter()
        .map(|(index, row)| {
            let told = AgreementTold::Paid {
                number: row.number,
                of,
                amount: row.amount,
                paid_on: row.paid_on.unwrap_or(today),
            };
            tell_payment(after, told, contract, paid_by(before, after, contract, index), today)
        })
        .collect()
}

/// The installments whose payment paid a row.
fn paid_by(before: &Agreement, after: &Agreement, contract: &ContractKey, index: usize) -> Vec<InstallmentId> {
    if let Some(remake) = &after.remake {
        return remake.generated.get(index).map(|one| one.installment).into_iter().collect();
    }
    let debts = before.debts.iter().zip(&after.debts);
    let fresh = debts.filter(|(before, after)| before.paid_on.is_none() && after.paid_on.is_some() && after.contract == *contract);
    fresh.map(|(_, debt)| debt.installment).collect()
}

/// The day each row was paid. Integrated: that of the installment generated for it. Non-integrated: the originals pay the rows in
/// order, each with the value it was agreed at; the last original pays what is left.
fn paid_days(agreement: &Agreement) -> Vec<Option<Date>> {
    if let Some(remake) = &agreement.remake {
        let of = |index: usize| remake.generated.get(index).and_then(|one| one.paid_on);
        return (0..agreement.rows.len()).map(of).collect();
    }
    let mut payments: Vec<(Date, Cents)> = agreement
        .debts
        .iter()
        .filter_map(|debt| Some((debt.paid_on?, debt.amounts.total)))
        .collect();
    payments.sort_unstable();
    if all_paid(agreement) {
        // The plan's interest and the originals' values need not be equal.
        if let Some((_, amount)) = payments.last_mut() {
            *amount = Cents::new(i64::MAX / 4);
        }
    }
    let mut needed = Cents::ZERO;
    let days = agreement.rows.iter().map(|row| {
        needed += row.amount;
        let mut reached = Cents::ZERO;
        let day = payments.iter().find(|(_, amount)| {
            reached += *amount;
            reached >= needed
        });
        day.map(|(day, _)| *day)
    });
    days.collect()
}
