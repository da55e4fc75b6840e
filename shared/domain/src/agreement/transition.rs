//! The only way an agreement changes.

use std::collections::{BTreeMap, BTreeSet};

use super::event::emit;
use super::{
    Agreement, AgreementKind, AgreementSettings, AgreementState, Generated, StateName, payments,
};
use crate::calendar::{Date, Timestamp};
use crate::ids::{BillId, InstallmentId};
use crate::money::Cents;
use crate::portfolio::{AgreementChange, Breaking, TimelineEvent};

/// What happens to an agreement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AgreementAction {
    /// A proposal is confirmed.
    Confirm {
        /// Now: the intention's instant, for an integrated one.
        sent_at: Timestamp,
        /// Base date of the indexer on this day, for an integrated one.
        base_date: Option<Date>,
    },
    /// The remake was not found in Sienge: it may be requested again.
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
    /// A read of one bill showed what is paid on it. Emits the events of as many rows as fit one write; while rows
    /// remain, `review` asks for it again.
    Seen {
        /// The bill.
        bill: BillId,
        /// Day of the payment that settled each installment; absent ones are not paid.
        paid: BTreeMap<InstallmentId, Date>,
        /// What was paid on each original since the agreement, by day; non-integrated only.
        received: BTreeMap<InstallmentId, BTreeMap<Date, Cents>>,
    },
    /// It is broken.
    Break {
        /// How.
        how: Breaking,
    },
    /// It is cancelled.
    Cancel {
        /// Why.
        reason: String,
    },
    /// The proposal's last day passed.
    Expire,
}

/// An agreement after an action, with its timeline events; [`TimelineEvent::domain_event`] says which of them go on the bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// The agreement, its revision one higher.
    pub agreement: Agreement,
    /// The events.
    pub events: Vec<TimelineEvent>,
}

/// The state does not allow the action.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAllowed {
    /// Only other states allow it.
    #[error("não é possível {action} {}: só {}", one_of(*state), allowed_text(allowed))]
    State {
        /// The action, as a verb.
        action: &'static str,
        /// The agreement's state.
        state: StateName,
        /// The states that allow it.
        allowed: &'static [StateName],
    },
    /// 7.3.3: an integrated agreement is ended in Sienge.
    #[error(
        "um acordo integrado não é {0} aqui: exclua o reparcelamento no Sienge, e o acordo será quebrado na carga diária ou na abertura do cliente"
    )]
    EndsInErp(&'static str),
    /// The remake may be made at any moment.
    #[error(
        "o acordo aguarda o Sienge, que pode gravar o reparcelamento a qualquer momento: consulte-o de novo em uma hora e, se ficar em andamento, exclua o reparcelamento no Sienge"
    )]
    WaitsForErp,
    /// Something was paid already.
    #[error("não é possível cancelar um acordo com pagamentos; quebre o acordo")]
    Paid,
}

fn one_of(state: StateName) -> String {
    match state {
        StateName::Proposed => "uma proposta".to_owned(),
        other => format!("um acordo {}", other.text()),
    }
}

fn allowed_text(allowed: &[StateName]) -> String {
    let names: Vec<&str> = allowed.iter().map(|name| name.text()).collect();
    names.join(" ou ")
}

/// Applies an action, or says which states allow it. Total: every action has an answer in every state.
pub fn transition(
    agreement: &Agreement,
    action: &AgreementAction,
    settings: &AgreementSettings,
    today: Date,
) -> Result<Transition, NotAllowed> {
    check(agreement, action, settings)?;
    let mut after = agreement.clone();
    after.revision += 1;
    let mut events = Vec::new();
    let change = match action {
        AgreementAction::Confirm { sent_at, base_date } => {
            if let Some(remake) = &mut after.remake {
                remake.remade_on = today;
                remake.base_date = base_date.unwrap_or(remake.base_date);
            }
            Some(confirm(&mut after, today, *sent_at))
        }
        AgreementAction::ErpAgain { sent_at } => {
            if let AgreementState::AwaitingErp { attempts, .. } = agreement.state {
                after.state = AgreementState::AwaitingErp {
                    sent_at: *sent_at,
                    attempts: attempts.saturating_add(1),
                };
            }
            None
        }
        AgreementAction::ErpNotSent => {
            if let AgreementState::AwaitingErp { attempts, sent_at } = agreement.state {
                after.state = AgreementState::AwaitingErp {
                    sent_at,
                    attempts: attempts.saturating_sub(1),
                };
            }
            None
        }
        AgreementAction::ErpDone { generated } => Some(made(&mut after, generated, today)),
        AgreementAction::ErpRefused { reason } | AgreementAction::Cancel { reason } => {
            after.state = AgreementState::Cancelled {
                on: today,
                reason: reason.clone(),
            };
            Some(AgreementChange::Cancelled {
                reason: reason.clone(),
            })
        }
        AgreementAction::Seen {
            bill,
            paid,
            received,
        } => {
            let reversed = payments::note(&mut after, *bill, paid, received);
            events = payments::emit_paid_rows(agreement, &mut after, *bill, today);
            ended_by_payments(&mut after, reversed, settings, today)
        }
        AgreementAction::Break { how } => Some(break_it(&mut after, how, settings, today)),
        AgreementAction::Expire => {
            after.state = AgreementState::Expired { on: today };
            Some(AgreementChange::Expired)
        }
    };
    if let Some(change) = change {
        events.extend(emit(&after, &change, today));
    }
    Ok(Transition {
        agreement: after,
        events,
    })
}

/// Sienge made the remake, with these installments.
fn made(agreement: &mut Agreement, generated: &[InstallmentId], today: Date) -> AgreementChange {
    if let Some(remake) = &mut agreement.remake {
        let ids: BTreeSet<InstallmentId> = generated.iter().copied().collect();
        let unpaid = |installment| Generated {
            installment,
            paid_on: None,
        };
        remake.generated = ids.into_iter().map(unpaid).collect();
    }
    agreement.confirmed_on = Some(today);
    agreement.state = AgreementState::Active;
    AgreementChange::Made
}

/// How the noted payments end the agreement: everything is paid, or the only payment was reversed.
fn ended_by_payments(
    agreement: &mut Agreement,
    reversed: bool,
    settings: &AgreementSettings,
    today: Date,
) -> Option<AgreementChange> {
    if payments::has_unreported_payments(agreement) {
        None
    } else if payments::all_paid(agreement) {
        agreement.state = AgreementState::Settled { on: today };
        Some(AgreementChange::Settled)
    } else if reversed && ends_when_reversed(agreement, settings) {
        Some(break_it(
            agreement,
            &Breaking::ActivationReversed,
            settings,
            today,
        ))
    } else {
        None
    }
}

/// The agreement begins, or the intention to remake is stored.
pub(super) fn confirm(
    agreement: &mut Agreement,
    today: Date,
    sent_at: Timestamp,
) -> AgreementChange {
    match agreement.kind {
        AgreementKind::Integrated => {
            agreement.state = AgreementState::AwaitingErp {
                sent_at,
                attempts: 1,
            };
            AgreementChange::Sent
        }
        AgreementKind::NonIntegrated => {
            agreement.state = AgreementState::Active;
            agreement.confirmed_on = Some(today);
            AgreementChange::Made
        }
    }
}

fn check(
    agreement: &Agreement,
    action: &AgreementAction,
    settings: &AgreementSettings,
) -> Result<(), NotAllowed> {
    use StateName::{Active, AwaitingErp, Proposed};
    let state = agreement.state.name();
    let integrated = agreement.kind == AgreementKind::Integrated;
    let (verb, allowed): (&'static str, &'static [StateName]) = match action {
        AgreementAction::Confirm { .. } => ("confirmar", &[Proposed]),
        AgreementAction::Expire => ("expirar", &[Proposed]),
        AgreementAction::ErpAgain { .. }
        | AgreementAction::ErpNotSent
        | AgreementAction::ErpDone { .. }
        | AgreementAction::ErpRefused { .. } => ("gravar no Sienge", &[AwaitingErp]),
        AgreementAction::Seen { .. } => ("registrar pagamentos em", &[Active]),
        AgreementAction::Break {
            how: Breaking::Command { .. },
        } if settings.break_awaiting_approval => ("quebrar", &[Active, Proposed]),
        AgreementAction::Break { .. } => ("quebrar", &[Active]),
        AgreementAction::Cancel { .. } => ("cancelar", &[Proposed, Active]),
    };
    if state == AwaitingErp
        && matches!(
            action,
            AgreementAction::Cancel { .. } | AgreementAction::Break { .. }
        )
    {
        return Err(NotAllowed::WaitsForErp);
    }
    if !allowed.contains(&state) {
        return Err(NotAllowed::State {
            action: verb,
            state,
            allowed,
        });
    }
    match action {
        AgreementAction::Break {
            how: Breaking::Command { .. } | Breaking::Lapsed { .. },
        } if integrated && state == Active => Err(NotAllowed::EndsInErp("quebrado")),
        AgreementAction::Cancel { .. } if integrated && state == Active => {
            Err(NotAllowed::EndsInErp("cancelado"))
        }
        AgreementAction::Cancel { .. } if agreement.is_paid_in_part() => Err(NotAllowed::Paid),
        _ => Ok(()),
    }
}

/// 7.3.3: an integrated agreement is broken in Sienge alone; while its remake exists, a reversed payment is simply owed again.
fn ends_when_reversed(after: &Agreement, settings: &AgreementSettings) -> bool {
    after.kind == AgreementKind::NonIntegrated
        && !after.is_paid_in_part()
        && settings.remove_reneg_on_reversed_activation
}

fn break_it(
    after: &mut Agreement,
    how: &Breaking,
    settings: &AgreementSettings,
    today: Date,
) -> AgreementChange {
    after.withdrawn = *how == Breaking::ActivationReversed
        || (settings.remove_reneg_on_unpaid_break && !after.is_paid_in_part());
    after.state = AgreementState::Broken {
        on: today,
        how: how.clone(),
    };
    AgreementChange::Broken { how: how.clone() }
}
