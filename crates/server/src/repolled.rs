//! A task that wakes itself while it is polled is polled again at once.
//!
//! A handler runs in the task of its connection, which is also the one that hands it the request's body: when it
//! takes a piece, hyper wakes that task, to read the next. For the runtime, a task that is woken while it runs has
//! more to do than its turn allows. It goes behind all others, and a resting thread is woken to take it over: at a
//! moderate load one for each request.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::task::AtomicWaker;

/// How often in a row; a future that still wakes itself then may be one that shares its time with others.
const TURNS: u32 = 2;

/// `future`, whose own wakes stay with it.
pub(crate) async fn repolled<F: Future>(future: F) -> F::Output {
    let wakes = Arc::new(Wakes::default());
    let waker = Waker::from(Arc::clone(&wakes));
    let mut future = pin!(future);
    poll_fn(|context| wakes.poll(future.as_mut(), &waker, context)).await
}

/// Nobody polls: a wake goes to the task.
const RESTING: u8 = 0;
/// The future is being polled: a wake is only noted.
const POLLED: u8 = 1;
/// It was woken meanwhile.
const WOKEN: u8 = 2;

#[derive(Debug, Default)]
struct Wakes {
    state: AtomicU8,
    task: AtomicWaker,
}

impl Wakes {
    fn poll<F: Future>(
        &self,
        mut future: Pin<&mut F>,
        waker: &Waker,
        context: &Context<'_>,
    ) -> Poll<F::Output> {
        self.task.register(context.waker());
        for _ in 0..TURNS {
            self.state.store(POLLED, Ordering::Release);
            let polled = future.as_mut().poll(&mut Context::from_waker(waker));
            if polled.is_ready() || self.change(POLLED, RESTING).is_ok() {
                return polled;
            }
        }
        self.state.store(RESTING, Ordering::Release);
        context.waker().wake_by_ref();
        Poll::Pending
    }

    /// The state that was found, if it is another one.
    fn change(&self, from: u8, to: u8) -> Result<u8, u8> {
        self.state.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire)
    }
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.change(POLLED, WOKEN) == Err(RESTING) {
            self.task.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::sync::mpsc;

    use super::*;

    /// A task that counts how often it is woken.
    #[derive(Default)]
    struct Task(AtomicUsize);

    impl Wake for Task {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    impl Task {
        fn woken(&self) -> usize {
            self.0.load(Ordering::Relaxed)
        }

        fn poll<F: Future>(self: &Arc<Self>, future: Pin<&mut F>) -> Poll<F::Output> {
            future.poll(&mut Context::from_waker(&Waker::from(Arc::clone(self))))
        }
    }

    /// Wakes itself at each of its first polls, and is ready after them.
    fn waking(times: usize) -> impl Future<Output = usize> {
        let mut polls = 0;
        poll_fn(move |context| {
            polls += 1;
            if polls > times {
                return Poll::Ready(polls);
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
    }

    #[test]
    fn a_future_that_wakes_itself_goes_on_and_wakes_nobody() {
        let task = Arc::new(Task::default());
        let polled = task.poll(pin!(repolled(waking(1))));
        assert_eq!((polled, task.woken()), (Poll::Ready(2), 0));
    }

    #[test]
    fn one_that_does_so_again_and_again_shares_its_time() {
        let task = Arc::new(Task::default());
        let mut future = pin!(repolled(waking(5)));
        assert_eq!((task.poll(future.as_mut()), task.woken()), (Poll::Pending, 1));
        assert_eq!((task.poll(future.as_mut()), task.woken()), (Poll::Pending, 2));
        assert_eq!((task.poll(future.as_mut()), task.woken()), (Poll::Ready(6), 2));
    }

    #[test]
    fn a_wake_between_polls_reaches_the_task() {
        let task = Arc::new(Task::default());
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let mut future = pin!(repolled(receiver));
        assert_eq!((task.poll(future.as_mut()), task.woken()), (Poll::Pending, 0));
        sender.send("a word").unwrap();
        assert_eq!((task.woken(), task.poll(future.as_mut())), (1, Poll::Ready(Ok("a word"))));
    }

    #[test]
    fn a_wake_by_another_thread_amid_a_poll_is_not_lost() {
        let task = Arc::new(Task::default());
        let (to, wakers) = mpsc::channel::<Waker>();
        let (done, woken) = mpsc::channel();
        let other = std::thread::spawn(move || {
            for waker in wakers {
                waker.wake();
                done.send(()).unwrap();
            }
        });
        let mut polls = 0;
        let polled = task.poll(pin!(repolled(poll_fn(|context| {
            polls += 1;
            if polls > 1 {
                return Poll::Ready(());
            }
            to.send(context.waker().clone()).unwrap();
            woken.recv().unwrap();
            Poll::Pending
        }))));
        assert_eq!((polled, task.woken()), (Poll::Ready(()), 0));
        drop(to);
        other.join().unwrap();
    }
}
