//! One series for each identity.

use super::families::{
    Family, IDENTITY_AGE, IDENTITY_DATASETS, IDENTITY_INFO, IDENTITY_LAST_MODIFIED, IDENTITY_LAST_SUCCESS,
    IDENTITY_STORAGE, IDENTITY_UP,
};
use super::selection::Selection;
use super::text::FamilyWriter;
use crate::clock::Moment;
use crate::store::{Record, View};
use crate::usage::Usage;

pub(super) fn write(view: &View<'_>, selections: &[Selection], now: Moment, out: &mut Vec<u8>) {
    let mut series = Series { view, selections, now, out };
    series.of_usage(&IDENTITY_DATASETS, |usage| usage.datasets.map(f64::from));
    series.of_usage(&IDENTITY_STORAGE, |usage| usage.storage_bytes.map(|bytes| bytes as f64));
    series.of_usage(&IDENTITY_LAST_MODIFIED, |usage| usage.last_modified);
    series.of_usage(&IDENTITY_AGE, |usage| usage.last_modified.map(|then| (now.unix - then).max(0.0)));
    series.of_record(&IDENTITY_UP, |record| record.up().map(|up| f64::from(u8::from(up))));
    series.of_record(&IDENTITY_LAST_SUCCESS, Record::last_success);
    series.infos();
}

struct Series<'a> {
    view: &'a View<'a>,
    selections: &'a [Selection],
    now: Moment,
    out: &'a mut Vec<u8>,
}

impl Series<'_> {
    /// A family of what AWS said, where that is current.
    fn of_usage(&mut self, family: &'static Family, value: impl Fn(&Usage) -> Option<f64>) {
        let mut writer = FamilyWriter::new(family, self.out);
        for (pool, selection) in self.view.pools().zip(self.selections) {
            for index in selection.of(pool.records) {
                let usage = pool.records[index].usage(self.now.mono, pool.stale_after());
                if let Some(value) = usage.and_then(&value) {
                    writer.sample([pool.target.id.as_str(), pool.target.identities.id(index).as_str()], value);
                }
            }
        }
    }

    /// A family of how polling goes.
    fn of_record(&mut self, family: &'static Family, value: impl Fn(&Record) -> Option<f64>) {
        let mut writer = FamilyWriter::new(family, self.out);
        for (pool, selection) in self.view.pools().zip(self.selections) {
            for index in selection.of(pool.records) {
                if let Some(value) = value(&pool.records[index]) {
                    writer.sample([pool.target.id.as_str(), pool.target.identities.id(index).as_str()], value);
                }
            }
        }
    }

    fn infos(&mut self) {
        let mut writer = FamilyWriter::new(&IDENTITY_INFO, self.out);
        for (pool, selection) in self.view.pools().zip(self.selections) {
            let identities = &pool.target.identities;
            if !identities.any_named() {
                continue;
            }
            for index in selection.of(pool.records) {
                if let Some(name) = identities.name(index) {
                    writer.sample([pool.target.id.as_str(), identities.id(index).as_str(), name], 1.0);
                }
            }
        }
    }
}
