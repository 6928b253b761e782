//! `--config.check`: a summary of a valid configuration.

use std::fmt::{self, Display, Formatter};

use crate::alerts::AlertInput;
use crate::config::{Config, Series, show_duration};
use crate::printable::Printable;
use crate::targets::{PassBudget, Pool, Targets};

/// The summary of a configuration without problems. It shows no identity id.
pub struct CheckReport<'a> {
    pub config: &'a Config,
    pub targets: &'a Targets,
}

impl Display for CheckReport<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { config, targets } = self;
        writeln!(
            f,
            "{} is good: {} identities in {} pools",
            Printable(config.file.display()),
            targets.identities(),
            targets.pools.len()
        )?;
        for pool in &targets.pools {
            let settings = &pool.settings;
            write!(f, "pool {}", pool.id)?;
            if let Some(name) = &settings.name {
                write!(f, " ({name:?})")?;
            }
            write!(
                f,
                ": {} identities, each every {}{}, stale after {}; budget {}",
                pool.identities.len(),
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
            for line in AlertInput::of(settings, pool.identities.len()).lines() {
                writeln!(f, "  {line}")?;
            }
        }
        for (index, budget) in targets.budgets.iter().enumerate() {
            let needed = targets.calls_per_second(index);
            let allowed = budget.ceiling(config.poll.rate_limit);
            writeln!(
                f,
                "budget {}: needs {needed:.3} of {allowed} calls per second",
                budget.label
            )?;
        }
        for budget in targets.pass_budgets() {
            let needed = budget.calls_per_second();
            let PassBudget { label, ceiling, .. } = budget;
            writeln!(
                f,
                "budget {label}: passes need {needed:.3} of {ceiling} calls per second"
            )?;
        }
        Ok(())
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
