//! What asking an identity is worth, and the price in virtual time that follows from it.
//!
//! An identity that changes at rate r and is asked each t seconds shows a change after t/2 on
//! average, so all identities together lose `sum of r t / 2` a second. For a given number of calls
//! that is least when t is proportional to 1/sqrt(r) (Tripathi & Modiano 2019; Olston & Pandey
//! 2008). So an identity that is asked pays 1/sqrt(r) of virtual time, and the one that has the
//! least is next.

/// Virtual time is counted in this part of a price of 1.
const UNITS: f64 = 65_536.0;
/// The highest price: of an identity that has not changed for decades.
pub(super) const MAX_PRICE: u64 = 1_000_000 * UNITS as u64;
/// An identity that was changed just now is expected to change again in this many seconds.
const RECENT: f64 = 300.0;
/// How many times as often somebody right below a level of a limit is asked as if it changed, more
/// than by its changes alone.
const BOOST: f64 = 140.0;
/// That falls by a factor of e for so many more writes that are left to the level.
const REACH: f64 = 10.0;
/// Who has not changed for so many seconds (90 days) is not pressing, however near, and gets half
/// of the boost; after twice that, a fifth.
const ABANDONED: f64 = 90.0 * 86_400.0;
/// Nearness from which an identity is near a limit: some 23 writes are left.
const NEAR: f64 = 0.1;

/// What is known of an identity that says what asking it is worth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Demand {
    /// Changes in a second, by its past.
    pub changes_per_second: f64,
    /// Seconds since its last change.
    pub idle_seconds: f64,
    /// Writes of its own size that are left to the next level of a limit; `None` if there is none.
    pub writes_left: Option<f64>,
    /// Whether AWS has left the last polls unanswered, three at most.
    pub was_unanswered: bool,
}

impl Demand {
    /// Nothing is known.
    pub const UNKNOWN: Self = Self {
        changes_per_second: 0.0,
        idle_seconds: f64::INFINITY,
        writes_left: None,
        was_unanswered: false,
    };

    /// Whether a few writes would bring it to a level of a limit, and it still writes.
    #[must_use]
    pub fn is_near(&self) -> bool {
        self.nearness() >= NEAR && self.idle_seconds < ABANDONED
    }

    /// The price of being asked, in units of virtual time. Whom AWS left unanswered pays nothing.
    pub(super) fn price(&self) -> u64 {
        if self.was_unanswered {
            return 0;
        }
        // The geometric mean of what its whole past says and what its last hours say.
        let recent = 1.0 / (RECENT + self.idle_seconds);
        let boost = BOOST * self.nearness() / (1.0 + (self.idle_seconds / ABANDONED).powi(2));
        let expected = (self.changes_per_second * recent).sqrt() * (1.0 + boost);
        ((UNITS / expected.sqrt()) as u64).min(MAX_PRICE)
    }

    /// How near a level of a limit is, from 0 to 1.
    fn nearness(&self) -> f64 {
        self.writes_left.map_or(0.0, |left| (-left / REACH).exp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAILY: Demand = Demand {
        changes_per_second: 1.0 / 86_400.0,
        idle_seconds: 86_100.0,
        writes_left: None,
        was_unanswered: false,
    };

    #[test]
    fn the_price_is_the_square_root_of_the_time_between_changes() {
        let price = |demand: Demand| demand.price() as f64 / UNITS;
        assert!((price(DAILY) - 86_400_f64.sqrt()).abs() < 1.0);
        let hundredfold = Demand {
            changes_per_second: DAILY.changes_per_second * 100.0,
            idle_seconds: 564.0,
            ..DAILY
        };
        assert!((price(DAILY) / price(hundredfold) - 10.0).abs() < 0.1);
        assert_eq!(Demand::UNKNOWN.price(), MAX_PRICE);
        let unanswered = Demand {
            was_unanswered: true,
            ..DAILY
        };
        assert_eq!(unanswered.price(), 0);
    }

    #[test]
    fn who_is_near_a_limit_pays_a_twelfth() {
        let left = |writes| Demand {
            writes_left: Some(writes),
            ..DAILY
        };
        let part = left(0.0).price() as f64 / DAILY.price() as f64;
        assert!((0.08..0.09).contains(&part), "{part}");
        assert!(left(1.0).price() < left(5.0).price());
        assert!(left(20.0).is_near() && !left(25.0).is_near());
        let abandoned = Demand {
            idle_seconds: ABANDONED,
            ..left(0.0)
        };
        assert!(!abandoned.is_near());
    }
}
