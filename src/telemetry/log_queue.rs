//! Log lines on their way to standard error.
//!
//! A thread of its own writes them, so that a reader of the log that is slow, or does not read at
//! all, delays nothing but the log. Lines beyond [`MAX_QUEUED`] are dropped and counted.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread;
use std::time::Duration;

use tracing::warn;

/// The most lines that wait to be written. A usual line has 200 bytes.
const MAX_QUEUED: usize = 4_096;

/// The queue. Clones are the same queue.
#[derive(Clone)]
pub(super) struct LogQueue {
    messages: SyncSender<Message>,
    dropped: Arc<AtomicU64>,
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
        let dropped = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&dropped);
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || write_all(&received, output, &counter))?;
        Ok(Self { messages, dropped })
    }

    /// The lines that were not written, because too many waited or the output failed.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
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
        if self.messages.try_send(Message::Line(line)).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Writes lines until the queue is gone. Logs how many were dropped once lines are written again.
fn write_all(messages: &Receiver<Message>, mut output: impl Write, dropped: &AtomicU64) {
    let mut reported = 0;
    for message in messages {
        let line = match message {
            Message::Line(line) => line,
            Message::Flush(written) => {
                let _ = written.try_send(());
                continue;
            }
        };
        if output.write_all(&line).is_err() {
            dropped.fetch_add(1, Ordering::Relaxed);
            continue;
        }
        let total = dropped.load(Ordering::Relaxed);
        if total > reported {
            let lines = total - reported;
            warn!(
                lines,
                "log lines were dropped, because the log was not read"
            );
            // Unless this line was dropped too.
            if dropped.load(Ordering::Relaxed) == total {
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
