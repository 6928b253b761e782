//! Worlds of identities that change, made by a seed or read from a file.

const DAY: f64 = 86_400.0;
/// Bytes of a dataset, by AWS's limit.
pub(crate) const LIMIT: f64 = 1_048_576.0;
/// The part of it whose crossing is to be seen soon.
pub(crate) const LEVEL: f64 = 0.8 * LIMIT;

/// How a world differs from the steady one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Each change comes by itself.
    Steady,
    /// Changes come in sessions: four on average, two minutes apart.
    Sessions,
    /// The same, and every day 0.2 % of the dead return and 4 % of the busy leave.
    ReturnAndLeave,
}

/// One identity with one dataset. Times are in seconds from the first poll.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    /// Before the first poll.
    pub(crate) modified: f64,
    pub(crate) bytes: f64,
    /// When it changes, and its bytes then.
    pub(crate) changes: Vec<(f64, f64)>,
    /// Changes in a second; 0 where it is not known.
    pub(crate) rate: f64,
    /// Bytes that a change adds.
    pub(crate) write: f64,
}

#[derive(Clone, Debug)]
pub(crate) struct World(pub(crate) Vec<Identity>);

impl World {
    /// 80 % never change, 15 % every 7 to 30 days, 4 % about daily, 1 % 5 to 50 times a day. Seven
    /// of ten changes add bytes.
    pub(crate) fn new(kind: Kind, identities: usize, days: f64, seed: u64) -> Self {
        let mut random = Random(fastrand::Rng::with_seed(seed));
        let churn = if kind == Kind::ReturnAndLeave {
            0.002
        } else {
            0.0
        };
        let mut identity = || {
            let (class, per_day) = match random.uniform(0.0, 1.0) {
                ..0.80 => ("dead", 0.0),
                ..0.95 => ("slow", random.log_uniform(1.0 / 30.0, 1.0 / 7.0)),
                ..0.99 => ("daily", random.log_normal(0.0, 0.5)),
                _ => ("hot", random.log_uniform(5.0, 50.0)),
            };
            let mut rate = per_day / DAY;
            let write = random.log_normal(2_000_f64.ln(), 1.3).min(65_536.0);
            let mut bytes = LIMIT * random.uniform(0.0, 1.0).powf(1.5) * 0.98;
            let start = bytes;
            let modified = if class == "dead" {
                -random.log_uniform(30.0 * DAY, 1_825.0 * DAY)
            } else {
                -random.exponential(1.0 / rate)
            };
            let (mut now, mut until) = (0.0, days * DAY);
            if class == "dead" && random.uniform(0.0, 1.0) < churn * days {
                (now, rate) = (random.uniform(0.0, until), 3.0 / DAY);
            } else if class == "hot" && random.uniform(0.0, 1.0) < churn * days * 20.0 {
                until = random.uniform(0.0, until);
            }
            let mut changes = Vec::new();
            let mut writes = rate > 0.0;
            while writes {
                now += random.exponential(1.0 / rate);
                writes = now < until;
                loop {
                    if !writes {
                        break;
                    }
                    if now < days * DAY {
                        if random.uniform(0.0, 1.0) < 0.7 {
                            bytes = (bytes + random.exponential(write)).min(LIMIT);
                        }
                        changes.push((now, bytes));
                    }
                    if kind == Kind::Steady || random.uniform(0.0, 1.0) >= 0.75 {
                        break;
                    }
                    now += random.exponential(120.0);
                }
            }
            Identity {
                modified,
                bytes: start,
                changes,
                rate,
                write,
            }
        };
        Self((0..identities).map(|_| identity()).collect())
    }

    /// A world as the text of a file has it: a line for each identity, its class, last modification
    /// and bytes at the start, then `seconds:bytes` of each change.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let identity = |line: &str| {
            let mut fields = line.splitn(4, ',');
            let _class = fields.next()?;
            let (modified, bytes) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
            let change = |change: &str| {
                let (at, bytes) = change.split_once(':')?;
                Some((at.parse().ok()?, bytes.parse().ok()?))
            };
            let changes = fields.next()?.split_whitespace().map(change);
            Some(Identity {
                modified,
                bytes,
                changes: changes.collect::<Option<_>>()?,
                rate: 0.0,
                write: 2_000.0,
            })
        };
        Some(Self(text.lines().map(identity).collect::<Option<_>>()?))
    }

    /// When the last change comes.
    pub(crate) fn end(&self) -> f64 {
        let last = self.0.iter().filter_map(|identity| identity.changes.last());
        last.map(|(at, _)| *at).fold(0.0, f64::max)
    }
}

struct Random(fastrand::Rng);

impl Random {
    fn uniform(&mut self, from: f64, to: f64) -> f64 {
        from + (to - from) * self.0.f64()
    }

    fn log_uniform(&mut self, from: f64, to: f64) -> f64 {
        self.uniform(from.ln(), to.ln()).exp()
    }

    fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.0.f64()).ln()
    }

    fn log_normal(&mut self, mean: f64, deviation: f64) -> f64 {
        let angle = 2.0 * std::f64::consts::PI * self.0.f64();
        let radius = (-2.0 * (1.0 - self.0.f64()).ln()).sqrt();
        (mean + deviation * radius * angle.cos()).exp()
    }
}
