//! What a run leaves for people and other systems: its line in the task history, and the event that it finished.

use super::{FlowError, Report, RunState, Session, Summary};
use crate::aws::BusEvent;
use crate::calendar::{Timestamp, brazilian_time};
use crate::portfolio::CreditorId;
use crate::store::{self, RunStart};

/// The summary with its tenant and creditor.
pub(super) fn named(session: &Session, creditor: CreditorId, summary: Summary) -> Summary {
    let text = if session.dry_run {
        format!("Simulação, nada foi alterado. {}", summary.text)
    } else {
        summary.text
    };
    Summary {
        tenant: Some(session.tenant.clone()),
        creditor: Some(creditor),
        dry_run: session.dry_run,
        text,
        ..summary
    }
}

/// How far a run is, and when it will end if its other steps take as long as those that are done.
pub(super) fn standing(done: u32, left: u32, started_at: Timestamp, now: Timestamp) -> String {
    let text = format!("Em execução: {done} de {} etapas concluídas.", done + left);
    if done == 0 || left == 0 {
        return text;
    }
    let taken = now.duration_since(started_at).max(jiff::SignedDuration::ZERO);
    let to_go = taken
        .checked_mul(i32::try_from(left).unwrap_or(i32::MAX))
        .map(|all| all / i32::try_from(done).unwrap_or(1));
    match to_go.and_then(|to_go| now.checked_add(to_go).ok()) {
        Some(end) => format!("{text} Término previsto: {}.", brazilian_time(end)),
        None => text,
    }
}

/// Writes the run into the task history.
pub(super) async fn record(session: &Session, summary: &Summary, started_at: Timestamp) -> Result<(), FlowError> {
    let start = RunStart {
        tenant: session.tenant.clone(),
        task: summary.task.as_str().to_owned(),
        creditor: summary.creditor,
        id: summary.run.clone().unwrap_or_default(),
        started_at,
        dry_run: summary.dry_run,
    };
    let state = match summary.state {
        RunState::Finished => store::RunState::Done,
        RunState::Continues => store::RunState::Running,
        RunState::AwaitsConfirmation => store::RunState::Stopped,
        _ => store::RunState::Failed,
    };
    let store = &session.shop.store;
    store.start_run(&start).await?;
    store
        .note_run(&start, state, &summary.report.counts(), &summary.text, session.now())
        .await?;
    Ok(())
}

/// Tells the bus that a run finished. Not taken: the run fails at its very end and is resumed there, so that nobody misses it.
pub(super) async fn tell_finished(
    session: &Session,
    creditor: CreditorId,
    detail_type: &'static str,
    run: &str,
    report: &Report,
) -> Result<(), FlowError> {
    let detail = serde_json::json!({
        "tenant": session.tenant.as_str(), "creditor": creditor, "run": run,
        "installmentsChanged": report.installments_changed(), "returned": report.returned,
    });
    let taken = session.shop.bus.publish(&[BusEvent { detail_type, detail }]).await?;
    if taken.first() == Some(&true) {
        Ok(())
    } else {
        Err(FlowError::Stopped(format!("o evento {detail_type} não foi aceito pelo barramento")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_tells_how_far_it_is_and_when_it_will_end() {
        let at = |text: &str| -> Timestamp { text.parse().unwrap() };
        let (start, now) = (at("2026-11-20T15:00:00Z"), at("2026-11-20T15:10:00Z"));
        assert_eq!(standing(0, 7, start, now), "Em execução: 0 de 7 etapas concluídas.");
        assert_eq!(
            standing(2, 5, start, now),
            "Em execução: 2 de 7 etapas concluídas. Término previsto: 20/11/2026 12:35."
        );
        assert_eq!(standing(7, 0, start, now), "Em execução: 7 de 7 etapas concluídas.");
    }
}
