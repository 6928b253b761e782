//! What goes wrong, where, and for how long.

use std::time::Duration;

use cognitosync_exporter::api::Failure;
use cognitosync_exporter::clock::Mono;

/// Whom trouble strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scope {
    Identity,
    Pool,
    Budget,
    All,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Every call fails like this (by position in `Failure::ALL`).
    Fails(usize, Scope),
    /// Now and then a call fails like this.
    Flickers(usize, Scope),
    /// Answers take this many seconds and then succeed.
    Slow(Scope),
    /// AWS allows no more than a few calls a second.
    Quota(Scope),
    /// The process stands still: no decision is made, answers pile up.
    Stall,
}

impl Kind {
    pub(crate) fn all() -> Vec<Self> {
        let scopes = [Scope::Identity, Scope::Pool, Scope::Budget, Scope::All];
        let mut all = vec![
            Self::Stall,
            Self::Quota(Scope::Budget),
            Self::Quota(Scope::All),
        ];
        for scope in scopes {
            all.push(Self::Slow(scope));
            all.extend((0..Failure::ALL.len()).map(|failure| Self::Fails(failure, scope)));
            all.extend((0..Failure::ALL.len()).map(|failure| Self::Flickers(failure, scope)));
        }
        all
    }
}

/// Trouble of one kind at one place and time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Episode {
    pub(crate) kind: Kind,
    pub(crate) from: Mono,
    pub(crate) until: Mono,
    /// Which identity, pool or budget, by a number to be taken modulo how many there are.
    pub(crate) place: usize,
}

impl Episode {
    /// An episode somewhere in the day that begins at `day`, of seconds to hours.
    pub(crate) fn drawn(random: &mut fastrand::Rng, kinds: &[Kind], day: Mono) -> Self {
        let kind = kinds[random.usize(..kinds.len())];
        let from = day + Duration::from_secs(random.u64(..86_400));
        let longest = if kind == Kind::Stall { 3_600 } else { 14_400 };
        let until = from + Duration::from_secs(random.u64(5..longest));
        Self {
            kind,
            from,
            until,
            place: random.usize(..1_000_000),
        }
    }

    pub(crate) fn is_on(&self, now: Mono) -> bool {
        self.from <= now && now < self.until
    }

    /// Whether it strikes this identity (none for a pool's own call) of this pool, paid for by this
    /// budget.
    pub(crate) fn strikes(
        &self,
        scope: Scope,
        identity: Option<usize>,
        pool: usize,
        pools: usize,
        budget: usize,
    ) -> bool {
        match scope {
            Scope::Identity => {
                pool == self.place % pools && identity == Some(self.place / pools % 3)
            }
            Scope::Pool => pool == self.place % pools,
            Scope::Budget => budget == self.place % 2,
            Scope::All => true,
        }
    }
}
