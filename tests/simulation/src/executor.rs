//! Runs the future of an invocation: no threads, no clock, the same each time.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Polls until the future is done, or the process is dead: then the future is dropped where it waits, and `None`.
pub fn run<F: Future>(future: F, is_dead: impl Fn() -> bool) -> Option<F::Output> {
    let woken = Arc::new(Woken(AtomicBool::new(true)));
    let waker = Waker::from(Arc::clone(&woken));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    while woken.0.swap(false, Ordering::Relaxed) {
        let polled = future.as_mut().poll(&mut context);
        if is_dead() {
            return None;
        }
        if let Poll::Ready(done) = polled {
            return Some(done);
        }
    }
    panic!("an invocation waits for nothing");
}

/// Lets what else goes on in the invocation go first.
pub struct Yield(pub bool);

impl Future for Yield {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if std::mem::take(&mut self.0) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    }
}
