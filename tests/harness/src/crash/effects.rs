//! The effects of one invocation, and the one at which it is struck.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// How an invocation is struck at an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blow {
    /// It dies before the effect happens.
    DiesBefore,
    /// It dies after the effect happened, before it sees the answer.
    DiesAfter,
    /// The effect fails without having happened; the invocation goes on.
    FailsBefore,
    /// The effect happens and its answer is lost; the invocation goes on.
    FailsAfter,
}

impl Blow {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::DiesBefore,
        Self::DiesAfter,
        Self::FailsBefore,
        Self::FailsAfter,
    ];
}

/// What becomes of an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Happens,
    IsLost,
    LosesItsAnswer,
}

/// The effects of one invocation.
#[derive(Debug)]
pub struct Effects {
    at: usize,
    blow: Blow,
    state: Mutex<State>,
    died: Notify,
    settled: Notify,
}

#[derive(Debug, Default)]
struct State {
    names: Vec<String>,
    under_way: usize,
    dead: bool,
}

/// An effect while it happens.
pub struct Effect<'a> {
    effects: &'a Effects,
    verdict: Verdict,
    fatal: bool,
}

impl Effects {
    /// Strikes at the effect of this number, from 1.
    #[must_use]
    pub fn struck(at: usize, blow: Blow) -> Arc<Self> {
        Arc::new(Self {
            at,
            blow,
            state: Mutex::default(),
            died: Notify::new(),
            settled: Notify::new(),
        })
    }

    /// Only counts.
    #[must_use]
    pub fn counted() -> Arc<Self> {
        Self::struck(usize::MAX, Blow::DiesBefore)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The names of the effects so far.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.state().names.clone()
    }

    /// Whether the blow fell.
    #[must_use]
    pub fn fell(&self) -> bool {
        self.state().names.len() >= self.at
    }

    /// Runs an invocation to its end, or to its death.
    pub async fn run<T>(&self, invocation: impl Future<Output = T>) -> Option<T> {
        let answer = tokio::select! {
            biased;
            () = self.died.notified() => None,
            answer = invocation => Some(answer),
        };
        // Whatever its connections still hold does not reach anybody any more, and what it said after its death nobody heard.
        let died = std::mem::replace(&mut self.state().dead, true);
        while self.state().under_way > 0 {
            self.settled.notified().await;
        }
        answer.filter(|_| !died)
    }

    /// Begins an effect; it ends when the value returned is dropped.
    pub(crate) fn begin(&self, name: &str) -> Effect<'_> {
        let mut state = self.state();
        let (mut verdict, mut fatal) = (Verdict::IsLost, false);
        if !state.dead {
            state.names.push(name.to_owned());
            let struck = state.names.len() == self.at;
            (verdict, fatal) = match self.blow {
                _ if !struck => (Verdict::Happens, false),
                Blow::DiesBefore => (Verdict::IsLost, true),
                Blow::DiesAfter => (Verdict::LosesItsAnswer, true),
                Blow::FailsBefore => (Verdict::IsLost, false),
                Blow::FailsAfter => (Verdict::LosesItsAnswer, false),
            };
        }
        state.under_way += 1;
        Effect {
            effects: self,
            verdict,
            fatal,
        }
    }
}

impl Effect<'_> {
    /// Whether it reaches the other side.
    pub(crate) fn happens(&self) -> bool {
        self.verdict != Verdict::IsLost
    }

    /// Whether its answer comes back.
    pub(crate) fn is_answered(&self) -> bool {
        self.verdict == Verdict::Happens
    }
}

impl Drop for Effect<'_> {
    fn drop(&mut self) {
        let mut state = self.effects.state();
        state.under_way -= 1;
        state.dead |= self.fatal;
        drop(state);
        if self.fatal {
            self.effects.died.notify_one();
        }
        self.effects.settled.notify_one();
    }
}
