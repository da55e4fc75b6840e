//! A run's line in the task history.

use super::run_context::RunContext;
use super::{FlowError, RunStatus, Summary};
use crate::calendar::Timestamp;
use crate::store::{self, RunStart};

/// The summary with tenant and creditor.
pub(super) fn named(context: &RunContext<'_>, summary: Summary) -> Summary {
    let text = if context.dry_run {
        format!("Simulação, nada foi alterado. {}", summary.text)
    } else {
        summary.text
    };
    Summary {
        tenant: Some(context.sync.tenant.clone()),
        creditor: Some(context.creditor),
        dry_run: context.dry_run,
        text,
        ..summary
    }
}

/// A run's progress.
pub(super) fn standing(done: u32, left: u32) -> String {
    format!("Em execução: {done} de {} etapas concluídas.", done + left)
}

/// When a run will end if the remaining steps take as long as the finished ones.
pub(super) fn expected_end(
    done: u32,
    left: u32,
    started_at: Timestamp,
    now: Timestamp,
) -> Option<Timestamp> {
    if done == 0 || left == 0 {
        return None;
    }
    let taken = now
        .duration_since(started_at)
        .max(jiff::SignedDuration::ZERO);
    let to_go = taken
        .checked_mul(i32::try_from(left).unwrap_or(i32::MAX))
        .map(|all| all / i32::try_from(done).unwrap_or(1));
    to_go.and_then(|to_go| now.checked_add(to_go).ok())
}

/// Writes the run into the task history, with its expected end if there is one.
pub(super) async fn record(
    context: &RunContext<'_>,
    summary: &Summary,
    started_at: Timestamp,
    expected_end: Option<Timestamp>,
) -> Result<(), FlowError> {
    let run = RunStart {
        tenant: context.sync.tenant.clone(),
        task: summary.task.as_str().to_owned(),
        creditor: summary.creditor,
        id: summary.run.clone().unwrap_or_default(),
        started_at,
        dry_run: summary.dry_run,
    };
    let state = match summary.state {
        RunStatus::Finished => store::RunState::Done,
        RunStatus::Continues => store::RunState::Running,
        RunStatus::AwaitsConfirmation => store::RunState::Stopped,
        _ => store::RunState::Failed,
    };
    let (counts, now) = (summary.report.counts(), context.sync.now());
    context
        .store
        .note_run(&run, state, &counts, &summary.text, expected_end, now)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_tells_how_far_it_is_and_when_it_will_end() {
        let at = |text: &str| -> Timestamp { text.parse().unwrap() };
        let (start, now) = (at("2026-11-20T15:00:00Z"), at("2026-11-20T15:10:00Z"));
        assert_eq!(standing(2, 5), "Em execução: 2 de 7 etapas concluídas.");
        assert_eq!(
            expected_end(2, 5, start, now),
            Some(at("2026-11-20T15:35:00Z"))
        );
        assert_eq!(expected_end(0, 7, start, now), None);
        assert_eq!(expected_end(7, 0, start, now), None);
    }
}
