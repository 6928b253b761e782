//! `--config.check`: a summary of a valid configuration, and what only this check looks at.

mod profiles;

use std::fmt::{self, Display, Formatter};

use crate::alerts::AlertInput;
use crate::config::{PollSettings, Problem, Series, show_duration};
use crate::figures::{counted, significant};
use crate::loading::Loaded;
use crate::printable::{Printable, without_ids};
use crate::targets::{PassBudget, Pool, Targets};

/// The summary of a configuration without problems. It shows no identity id.
pub struct CheckReport<'a>(pub &'a Loaded);

/// Probable mistakes that show outside of the configuration: profiles that no file defines.
#[must_use]
pub fn warnings(loaded: &Loaded) -> Vec<Problem> {
    let mut warnings = profiles::warnings(&loaded.config);
    loaded.sources.locate(&loaded.config.file, &mut warnings);
    warnings
}

impl Display for CheckReport<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Loaded {
            config,
            targets,
            sources,
            ..
        } = self.0;
        writeln!(
            f,
            "{} is good: {} in {}",
            Printable(config.file.display()),
            identities(targets.identities()),
            counted(targets.pools.len(), "pool", "pools")
        )?;
        let PollSettings {
            timeout,
            attempts,
            rate_limit,
            max_in_flight,
        } = config.poll;
        writeln!(
            f,
            "calls: at most {} for a poll, {} each; {rate_limit} a second, {max_in_flight} in flight",
            counted(attempts as usize, "attempt", "attempts"),
            show_duration(timeout),
        )?;
        for (index, pool) in targets.pools.iter().enumerate() {
            let settings = &pool.settings;
            write!(f, "pool {}", pool.id)?;
            if let Some(name) = &settings.name {
                write!(f, " ({name:?})")?;
            }
            write!(
                f,
                ": {}, each every {}{}, stale after {}; budget {}",
                identities(pool.identities.len()),
                show_duration(settings.interval),
                at_the_latest(pool, targets, config.poll.rate_limit),
                show_duration(pool.stale_after),
                targets.budgets[pool.budget()].label,
            )?;
            if let Some(endpoint_url) = &settings.endpoint_url {
                write!(f, " at {endpoint_url}")?;
            }
            if let Some(discover) = settings.discover {
                write!(
                    f,
                    "; discovered, one pass in {} at {} calls a second",
                    show_duration(discover.interval),
                    discover.rate_limit
                )?;
            }
            match settings.series {
                Series::Each => writeln!(f)?,
                Series::Top(max) => writeln!(f, "; series for the {max} nearest a limit")?,
                Series::None => writeln!(f, "; no series for identities")?,
            }
            let limits = &settings.limits;
            writeln!(
                f,
                "  limits: {} of {} and {} each",
                counted(limits.datasets as usize, "dataset", "datasets"),
                bytes(limits.dataset_storage_bytes),
                counted(limits.dataset_records as usize, "record", "records"),
            )?;
            for file in sources.files_of(index) {
                let path = Printable(without_ids(&file.path.to_string_lossy())).to_string();
                writeln!(f, "  file {path}: {}", identities(file.identities))?;
            }
            for line in AlertInput::of(settings).lines() {
                writeln!(f, "  {line}")?;
            }
        }
        for (index, budget) in targets.budgets.iter().enumerate() {
            let needed = targets.calls_per_second(index);
            let allowed = budget.ceiling(config.poll.rate_limit);
            writeln!(
                f,
                "budget {}: needs {} of {allowed} calls per second",
                budget.label,
                significant(needed)
            )?;
        }
        for budget in targets.pass_budgets() {
            let needed = budget.calls_per_second();
            let PassBudget { label, ceiling, .. } = budget;
            writeln!(
                f,
                "budget {label}: passes need {} of {ceiling} calls per second",
                significant(needed)
            )?;
        }
        Ok(())
    }
}

fn identities(number: usize) -> String {
    counted(number, "identity", "identities")
}

/// A number of bytes in the notation of the configuration.
fn bytes(bytes: u64) -> String {
    match bytes {
        _ if bytes.is_multiple_of(1 << 20) => format!("{}MiB", bytes >> 20),
        _ if bytes.is_multiple_of(1 << 10) => format!("{}KiB", bytes >> 10),
        _ => counted(bytes as usize, "byte", "bytes"),
    }
}

/// Where the ceiling does not suffice, the longest time between two polls of an identity.
fn at_the_latest(pool: &Pool, targets: &Targets, rate_limit: f64) -> String {
    let budget = pool.budget();
    if targets.suffices(budget, rate_limit) {
        return String::new();
    }
    let age = show_duration(targets.kept_age(pool, rate_limit));
    format!(" to {age}")
}
