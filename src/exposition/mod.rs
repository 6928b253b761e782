//! From the store to the text that Prometheus reads.
//!
//! [`families`] is the table of everything that is exported; identity and pool series are written straight from the store,
//! because a million of them cannot pass through a registry. The exporter's own few are kept by [`crate::telemetry`].

pub mod families;
mod identity_series;
mod pool_series;
mod selection;
mod text;

use crate::clock::Moment;
use crate::store::View;

/// Writes all identity and pool series, as text 0.0.4.
pub fn write(view: &View<'_>, now: Moment, out: &mut Vec<u8>) {
    let selections: Vec<_> = view.pools().map(|pool| selection::select(&pool, now.mono)).collect();
    identity_series::write(view, &selections, now, out);
    pool_series::write(view, &selections, now, out);
}

#[cfg(test)]
mod tests;
