//! Log lines on their way to standard error.
//!
//! A thread of its own writes them, so that a reader of the log that is slow, or does not read at
//! all, delays nothing but the log. Lines that do not fit are dropped and counted.

use std::cell::Cell;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread;
use std::time::Duration;

use tracing::warn;

/// The most lines that wait to be written, and the most bytes. A usual line has 200.
const MAX_QUEUED: usize = 4_096;
const MAX_QUEUED_BYTES: usize = 4 << 20;

thread_local! {
    /// Whether a line of this thread was dropped.
    static DROPPED: Cell<bool> = const { Cell::new(false) };
}

/// The queue. Clones are the same queue.
#[derive(Clone)]
pub(super) struct LogQueue {
    messages: SyncSender<Message>,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    dropped: AtomicU64,
    /// The bytes that wait.
    bytes: AtomicUsize,
}

enum Message {
    Line(Vec<u8>),
    /// Respond when all lines before this message are written.
    Flush(SyncSender<()>),
}

impl LogQueue {
    /// A queue whose thread writes to `output`.
    ///
    /// # Errors
    /// If the thread cannot be started.
    pub(super) fn new(output: impl Write + Send + 'static) -> io::Result<Self> {
        let (messages, received) = mpsc::sync_channel(MAX_QUEUED);
        let counts = Arc::<Counts>::default();
        let of_thread = Arc::clone(&counts);
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || write_all(&received, output, &of_thread))?;
        Ok(Self { messages, counts })
    }

    /// The lines that were not written, because too many waited or the output failed.
    pub(super) fn dropped(&self) -> u64 {
        self.counts.dropped.load(Ordering::Relaxed)
    }

    /// Waits until all lines are written, but no longer than `patience`, and not at all while the
    /// queue is full.
    pub(super) fn flush(&self, patience: Duration) {
        let (written, is_written) = mpsc::sync_channel(1);
        if self.messages.try_send(Message::Flush(written)).is_ok() {
            let _ = is_written.recv_timeout(patience);
        }
    }

    /// Adds a whole line, or drops it.
    pub(super) fn push(&self, line: Vec<u8>) {
        let length = line.len();
        let waiting = self.counts.bytes.fetch_add(length, Ordering::Relaxed) + length;
        if waiting > MAX_QUEUED_BYTES || self.messages.try_send(Message::Line(line)).is_err() {
            self.counts.bytes.fetch_sub(length, Ordering::Relaxed);
            self.counts.dropped.fetch_add(1, Ordering::Relaxed);
            DROPPED.set(true);
        }
    }
}

/// Writes lines until the queue is gone. Logs how many were dropped once lines are written again.
fn write_all(messages: &Receiver<Message>, mut output: impl Write, counts: &Counts) {
    let mut reported = 0;
    for message in messages {
        let line = match message {
            Message::Line(line) => line,
            Message::Flush(written) => {
                let _ = written.try_send(());
                continue;
            }
        };
        let written = output.write_all(&line);
        counts.bytes.fetch_sub(line.len(), Ordering::Relaxed);
        if written.is_err() {
            counts.dropped.fetch_add(1, Ordering::Relaxed);
            continue;
        }
        let total = counts.dropped.load(Ordering::Relaxed);
        if total > reported {
            let lines = total - reported;
            DROPPED.set(false);
            warn!(
                lines,
                "log lines were dropped, because the log was not read"
            );
            // Unless this line was dropped too.
            if !DROPPED.get() {
                reported = total;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;
    use std::sync::mpsc::Sender;

    /// An output that accepts one write for each permit.
    struct Gated(Receiver<()>, Arc<Mutex<Vec<u8>>>);

    impl Write for Gated {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            self.0.recv().map_err(io::Error::other)?;
            self.1.lock().unwrap().extend_from_slice(line);
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn gated() -> (LogQueue, Sender<()>, Arc<Mutex<Vec<u8>>>) {
        let (permits, wait) = mpsc::channel();
        let written = Arc::default();
        let queue = LogQueue::new(Gated(wait, Arc::clone(&written))).unwrap();
        (queue, permits, written)
    }

    #[test]
    fn lines_that_do_not_fit_are_dropped_and_counted() {
        let (queue, permits, written) = gated();
        // One more line may be with the thread already.
        let pushed = MAX_QUEUED + 100;
        (0..pushed).for_each(|_| queue.push(b"line\n".to_vec()));
        assert!((99..=100).contains(&queue.dropped()), "{}", queue.dropped());
        (0..pushed).for_each(|_| permits.send(()).unwrap());
        while written.lock().unwrap().len() < MAX_QUEUED * 5 {
            thread::yield_now();
        }
        queue.flush(Duration::from_secs(60));
        let lines = written.lock().unwrap().len() as u64 / 5;
        assert_eq!(lines + queue.dropped(), pushed as u64);
    }

    #[test]
    fn long_lines_take_no_more_memory_than_short_ones() {
        let (queue, permits, written) = gated();
        let line = vec![b'x'; MAX_QUEUED_BYTES / 4];
        (0..10).for_each(|_| queue.push(line.clone()));
        assert_eq!(queue.dropped(), 6, "the bytes that are being written count");
        (0..4).for_each(|_| permits.send(()).unwrap());
        queue.flush(Duration::from_secs(60));
        assert_eq!(written.lock().unwrap().len(), MAX_QUEUED_BYTES);
        queue.push(line);
        assert_eq!(queue.dropped(), 6, "there is space again");
    }

    #[test]
    fn flushing_waits_for_the_lines_before() {
        let (queue, permits, written) = gated();
        queue.push(b"line\n".to_vec());
        permits.send(()).unwrap();
        queue.flush(Duration::from_secs(60));
        assert_eq!(*written.lock().unwrap(), b"line\n");
    }

    #[test]
    fn lines_that_cannot_be_written_are_counted() {
        let (queue, permits, _) = gated();
        drop(permits);
        queue.push(b"line\n".to_vec());
        queue.flush(Duration::from_secs(60));
        assert_eq!(queue.dropped(), 1);
    }
}
