//! Which identities get series of their own, and of which families.

use super::super::schema::Scalar;
use super::super::{IdentityMetric, IdentityMetrics, Series, keys};
use super::Check;
use crate::printable::Quoted;

/// Identities with series of their own, for `series: top` without `top`.
const DEFAULT_TOP: usize = 100;

impl Check<'_> {
    pub(super) fn series(
        &mut self,
        pool: &str,
        series: Option<&str>,
        top: Option<Scalar>,
    ) -> Series {
        let has_top = top.is_some();
        let top = self
            .number(&format!("{pool}.top"), top, keys::COUNTS)
            .map_or(DEFAULT_TOP, |top| top as usize);
        let series = match series {
            None | Some("each") => Series::Each,
            Some("top") => Series::Top(top),
            Some("none") => Series::None,
            Some(other) => {
                let meant = match other {
                    "all" => Some("each"),
                    "off" | "no" => Some("none"),
                    _ => None,
                };
                self.unknown_word(&format!("{pool}.series"), other, keys::SERIES, meant);
                return Series::Top(top);
            }
        };
        if has_top && !matches!(series, Series::Top(_)) {
            self.problem(
                &format!("{pool}.top"),
                "has no meaning without `series: top`",
            );
        }
        series
    }

    pub(super) fn identity_metrics(
        &mut self,
        pool: &str,
        names: Option<Vec<String>>,
    ) -> IdentityMetrics {
        let Some(names) = names else {
            return IdentityMetrics::ALL;
        };
        let mut metrics = IdentityMetrics::NONE;
        for (index, name) in names.iter().enumerate() {
            let key = format!("{pool}.identity_metrics[{index}]");
            match IdentityMetric::parse(name) {
                Some(metric) if metrics.has(metric) => {
                    self.warning(&key, format!("names {} once more", Quoted(name)));
                }
                Some(metric) => metrics = metrics.with(metric),
                None => self.unknown_word(&key, name, &IdentityMetric::NAMES, None),
            }
        }
        metrics
    }
}
