//! Second copies of boletos (segunda via): the link and the line, by e-mail, and with a new due date where the creditor allows it.
//!
//! The boletos are Sienge's; we read them and check what we pass on. Nothing of a boleto is stored. Repeating a request is always safe: a
//! new due date is compared with Sienge's before it is requested, so a repeat after a crash does not void the boleto that was
//! registered in between.

mod email;
mod error;
#[cfg(test)]
mod fixtures;
mod second_copy;

pub use email::BoletoEmail;
pub use error::BoletoError;
pub use second_copy::{LINK_LIFE_SECONDS, SecondCopy};

use super::Session;
use crate::calendar::Date;
use crate::ids::{BillId, InstallmentId};
use crate::money::Cents;
use crate::portfolio::{
    EventKind, HeldBill, Installment, InstallmentState, Observation, Scope, TimelineEvent,
};
use crate::settings::CreditorSettings;
use crate::sienge::{Client, DueDateChange, Priority, SiengeError, SlipAnswer};
use crate::sync::Reading;

/// The installment whose boleto is requested.
struct Subject<'a> {
    installment: Installment,
    creditor: &'a CreditorSettings,
}

/// The boleto of an open installment that we hold.
///
/// `new_due_on` changes the due date first: refused unless the creditor allows it ("Bloquear novo vencimento ao gerar segunda via do
/// boleto original" = Não), for days before today and for days that are not business days of the creditor's calendar. The installment's
/// present due date changes nothing. Sienge voids the old boleto, so until the new one is registered the answer is
/// [`BoletoError::NoRegisteredCharge`], and the same call later returns the boleto.
pub async fn second_copy(
    session: &Session,
    bill: BillId,
    installment: InstallmentId,
    new_due_on: Option<Date>,
) -> Result<SecondCopy, BoletoError> {
    let sienge = interactive(session);
    let mut subject = subject(session, bill, installment).await?;
    if let Some(due_on) = new_due_on {
        subject = with_due_date(session, &sienge, subject, due_on).await?;
    }
    let slip = sienge.payment_slip(bill, installment).await;
    let slip = match slip.map_err(|error| unread(error, new_due_on))? {
        SlipAnswer::Done(slip) => slip,
        SlipAnswer::NoCharge => return Err(no_charge(bill, installment, new_due_on)),
        SlipAnswer::NotFound => return Err(gone(bill, installment)),
    };
    let copy = SecondCopy::of(&slip, &subject.installment, &subject.creditor.name)?;
    note(session, &subject.installment, EventKind::BoletoIssued).await;
    Ok(copy)
}

/// Has Sienge send the boleto of an open installment that we hold by e-mail. Never repeated automatically: see [`BoletoError::Unclear`].
pub async fn email(
    session: &Session,
    bill: BillId,
    installment: InstallmentId,
    email: &BoletoEmail,
) -> Result<(), BoletoError> {
    let subject = subject(session, bill, installment).await?;
    let checked = email.checked(&subject.installment, &subject.creditor.name)?;
    if !email.anywhere {
        must_be_the_customers(session, &subject.installment, checked.to.as_str()).await?;
    }
    match interactive(session)
        .send_payment_slip(bill, installment, &checked)
        .await
    {
        Ok(SlipAnswer::Done(())) => {
            note(session, &subject.installment, EventKind::BoletoEmailed).await;
            Ok(())
        }
        Ok(SlipAnswer::NoCharge) => Err(no_charge(bill, installment, None)),
        Ok(SlipAnswer::NotFound) => Err(gone(bill, installment)),
        Err(error) if may_have_happened(&error) => Err(BoletoError::EmailUnclear(error)),
        Err(error) => Err(error.into()),
    }
}

/// The boleto shows the debtor's data: it goes to them, as they are held here.
async fn must_be_the_customers(
    session: &Session,
    installment: &Installment,
    address: &str,
) -> Result<(), BoletoError> {
    let customer = installment.contract.customer;
    let store = &session.adapters.store;
    let held = store.customers(&session.tenant, &[customer]).await?;
    let is_theirs = held.values().any(|customer| customer.has_email(address));
    is_theirs
        .then_some(())
        .ok_or(BoletoError::OthersAddress(installment.contract.bill))
}

/// A client with interactive priority: a person waits for these calls.
fn interactive(session: &Session) -> Client {
    session.sienge.clone().with_priority(Priority::Interactive)
}

/// The installment, if it belongs to this tenant, is open, and its customer is still the bill's.
async fn subject(
    session: &Session,
    bill: BillId,
    installment: InstallmentId,
) -> Result<Subject<'_>, BoletoError> {
    let held = session
        .adapters
        .store
        .load_bill(&session.tenant, bill)
        .await?;
    let installment = open_installment(&held, bill, installment)?;
    let contract = held.contract(&installment.contract);
    let contract = contract.ok_or(BoletoError::UnknownBill(bill))?;
    if contract.waits_for_assignment() {
        return Err(BoletoError::AssignmentWaits(bill));
    }
    Ok(Subject {
        installment: installment.clone(),
        creditor: session.creditor(contract.creditor)?,
    })
}

/// After an assignment of rights two contracts of a bill hold installments of the same ids; those of one of them are open.
fn open_installment(
    held: &HeldBill,
    bill: BillId,
    id: InstallmentId,
) -> Result<&Installment, BoletoError> {
    let mut found = held.installments_with_id(id);
    if let Some(open) = found.clone().find(|row| row.is_open()) {
        return Ok(open);
    }
    match found.next_back().map(|row| row.state) {
        Some(InstallmentState::Closed { reason, on }) => Err(BoletoError::NotOpen {
            bill,
            installment: id,
            reason,
            on,
        }),
        _ if !held.has_contracts() => Err(BoletoError::UnknownBill(bill)),
        _ => Err(BoletoError::UnknownInstallment {
            bill,
            installment: id,
        }),
    }
}

/// Ensures that the installment has the due date in Sienge, requesting it only when Sienge has another one.
async fn with_due_date<'a>(
    session: &'a Session,
    sienge: &Client,
    subject: Subject<'a>,
    due_on: Date,
) -> Result<Subject<'a>, BoletoError> {
    // Refuse without a call where possible.
    must_change(&subject, due_on, session.today)?;
    let (bill, id) = (subject.installment.contract.bill, subject.installment.id);
    let subject = as_sienge_says(session, sienge, bill, id).await?;
    if !must_change(&subject, due_on, session.today)? {
        return Ok(subject);
    }
    match sienge.change_due_date(bill, id, due_on).await {
        Ok(DueDateChange::Done) => match as_sienge_says(session, sienge, bill, id).await {
            Err(BoletoError::Sienge(error)) => Err(unread(error, Some(due_on))),
            subject => subject,
        },
        Ok(DueDateChange::NotFound) => Err(gone(bill, id)),
        Ok(DueDateChange::Refused) => Err(BoletoError::DueDateRefused {
            bill,
            installment: id,
            due_on,
        }),
        Err(error) if may_have_happened(&error) => Err(BoletoError::DueDateUnclear(error)),
        Err(error) => Err(error.into()),
    }
}

/// Whether the due date differs from the installment's; an error where a change is not allowed. Pure.
fn must_change(subject: &Subject<'_>, due_on: Date, today: Date) -> Result<bool, BoletoError> {
    let (now, creditor) = (subject.installment.due_on, subject.creditor);
    let calendar = &creditor.calculation.holidays;
    if due_on == now {
        Ok(false)
    } else if creditor.block_new_due_date {
        Err(BoletoError::NewDueDateBlocked {
            creditor: creditor.company,
            due_on: now,
        })
    } else if due_on < today {
        Err(BoletoError::DueDatePassed { due_on, today })
    } else if calendar.is_business_day(due_on) {
        Ok(true)
    } else {
        let next = calendar.next_business_day(due_on);
        Err(BoletoError::NotABusinessDay { due_on, next })
    }
}

/// Reads the bill in Sienge and brings the portfolio up to date with it. The due date and the balance are Sienge's, even where the
/// creditor's settings keep them from being updated here.
async fn as_sienge_says<'a>(
    session: &'a Session,
    sienge: &Client,
    bill: BillId,
    installment: InstallmentId,
) -> Result<Subject<'a>, BoletoError> {
    let held = session
        .adapters
        .store
        .load_bill(&session.tenant, bill)
        .await?;
    let mut view = Reading::begin(Scope::Sync, session.now()).knowing(bill, held.version);
    let seen = sienge.observe_by_rest(bill).await?;
    let seen_values = due_and_balance(&seen, installment);
    // If the commit fails, the next webhook or load repeats it; the boleto does not wait for it.
    session.sync.sync_seen(&mut view, vec![seen]).await?;
    let mut subject = subject(session, bill, installment).await?;
    (subject.installment.due_on, subject.installment.balance) =
        seen_values.ok_or_else(|| gone(bill, installment))?;
    Ok(subject)
}

fn due_and_balance(seen: &Observation, installment: InstallmentId) -> Option<(Date, Cents)> {
    let row = seen.installments.iter().find(|row| row.id == installment)?;
    Some((row.due_on, row.balance))
}

fn no_charge(bill: BillId, installment: InstallmentId, new_due_on: Option<Date>) -> BoletoError {
    BoletoError::NoRegisteredCharge {
        bill,
        installment,
        new_due_on,
    }
}

/// Sienge could not be read; when a new due date was requested, the error says that it was set.
fn unread(error: SiengeError, new_due_on: Option<Date>) -> BoletoError {
    match new_due_on {
        None => error.into(),
        Some(due_on) => BoletoError::ChangedAndUnread { due_on, error },
    }
}

fn gone(bill: BillId, installment: InstallmentId) -> BoletoError {
    BoletoError::GoneInSienge { bill, installment }
}

/// Whether Sienge may have carried the request out although it did not confirm it.
fn may_have_happened(error: &SiengeError) -> bool {
    matches!(
        error,
        SiengeError::Server { .. }
            | SiengeError::Timeout { .. }
            | SiengeError::Connection { .. }
            | SiengeError::Deadline { .. }
            | SiengeError::Truncated { .. }
            | SiengeError::NotJson { .. }
            | SiengeError::Shape { .. }
    )
}

/// Notes on the contract's timeline that a boleto was handed out. The caller gets it even if the note fails.
async fn note(session: &Session, installment: &Installment, kind: EventKind) {
    let now = session.now();
    let event = TimelineEvent {
        // Every time is a separate event.
        id: format!("boleto-{}-{}", installment.id, now.as_millisecond()),
        contract: installment.contract.clone(),
        on: session.today,
        kind,
        installments: vec![installment.id],
        revisions: vec![installment.revision],
        contract_revision: 0,
    };
    if let Err(error) = session
        .adapters
        .store
        .note_event(&session.tenant, &event)
        .await
    {
        let bill = installment.contract.bill;
        tracing::warn!(tenant = %session.tenant, %bill, %error, "the boleto is not on the timeline");
    }
}
