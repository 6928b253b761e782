//! Rows as JSON or CSV.

use std::borrow::Cow;

use serde::Serialize;

use crate::web::status::humanize::Time;

/// The form of a list for programs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Form {
    #[default]
    Json,
    Csv,
}

/// The names of the columns, which are the fields of [`Row`].
const COLUMNS: [&str; 12] = [
    "identity_pool_id",
    "identity_id",
    "name",
    "state",
    "datasets",
    "storage_bytes",
    "largest_dataset_storage_bytes",
    "largest_dataset_records",
    "exact",
    "last_modified",
    "last_success",
    "full_at",
];

/// What is shown of one identity. Usage is absent when it is stale, or the identity is missing.
/// Times are in seconds since 1970, in CSV as RFC 3339.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Row<'a> {
    pub(super) identity_pool_id: &'a str,
    pub(super) identity_id: &'a str,
    pub(super) name: Option<&'a str>,
    pub(super) state: &'static str,
    pub(super) datasets: Option<u32>,
    pub(super) storage_bytes: Option<u64>,
    /// At least so many; exactly if `exact`.
    pub(super) largest_dataset_storage_bytes: Option<u64>,
    /// Known by a list only.
    pub(super) largest_dataset_records: Option<u64>,
    pub(super) exact: Option<bool>,
    pub(super) last_modified: Option<f64>,
    pub(super) last_success: Option<f64>,
    /// When the fullest dataset will be full; absent where it is.
    pub(super) full_at: Option<f64>,
}

impl Row<'_> {
    /// The cells in the order of [`COLUMNS`]; an absent one is empty.
    fn cells(&self) -> [Cow<'_, str>; COLUMNS.len()] {
        [
            cell(self.identity_pool_id),
            cell(self.identity_id),
            cell(self.name.unwrap_or_default()),
            self.state.into(),
            shown(self.datasets),
            shown(self.storage_bytes),
            shown(self.largest_dataset_storage_bytes),
            shown(self.largest_dataset_records),
            shown(self.exact),
            time(self.last_modified),
            time(self.last_success),
            time(self.full_at),
        ]
    }
}

/// A text that no spreadsheet takes for a formula.
fn cell(text: &str) -> Cow<'_, str> {
    if text.starts_with(['=', '+', '-', '@']) {
        format!("'{text}").into()
    } else {
        text.into()
    }
}

fn shown(value: Option<impl ToString>) -> Cow<'static, str> {
    value
        .map_or_else(String::new, |value| value.to_string())
        .into()
}

fn time(unix: Option<f64>) -> Cow<'static, str> {
    shown(unix.map(|unix| Time(unix).rfc3339()))
}

/// Rows, and what stands before and after them.
pub(super) enum Writer {
    Json(Vec<u8>),
    Csv(Box<csv::Writer<Vec<u8>>>),
}

const IN_MEMORY: &str = "writing to memory does not fail, and neither does a row";

impl Writer {
    pub(super) fn new(form: Form) -> Self {
        match form {
            Form::Json => Self::Json(Vec::new()),
            Form::Csv => Self::Csv(Box::new(csv::Writer::from_writer(Vec::new()))),
        }
    }

    /// What stands before the first row.
    pub(super) fn begin(&mut self) {
        match self {
            Self::Json(text) => text.extend_from_slice(b"{\"identities\":["),
            Self::Csv(writer) => writer.write_record(COLUMNS).expect(IN_MEMORY),
        }
    }

    pub(super) fn row(&mut self, row: &Row<'_>, is_first: bool) {
        match self {
            Self::Json(text) => {
                text.extend_from_slice(if is_first { b"\n" } else { b",\n" });
                serde_json::to_writer(text, row).expect(IN_MEMORY);
            }
            Self::Csv(writer) => {
                let cells = row.cells();
                let cells = cells.iter().map(|cell| cell.as_bytes());
                writer.write_record(cells).expect(IN_MEMORY);
            }
        }
    }

    /// What stands after the last row.
    pub(super) fn end(&mut self) {
        match self {
            Self::Json(text) => text.extend_from_slice(b"\n]}\n"),
            Self::Csv(_) => {}
        }
    }

    /// The length of the text, but for some that is on its way.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Json(text) => text.len(),
            Self::Csv(writer) => writer.get_ref().len(),
        }
    }

    pub(super) fn into_text(self) -> Vec<u8> {
        match self {
            Self::Json(text) => text,
            Self::Csv(writer) => writer.into_inner().expect(IN_MEMORY),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str) -> Row<'_> {
        Row {
            identity_pool_id: "r:0",
            identity_id: "-r:1",
            name: Some(name),
            state: "fresh",
            datasets: Some(2),
            storage_bytes: Some(3),
            largest_dataset_storage_bytes: Some(2),
            largest_dataset_records: None,
            exact: Some(false),
            last_modified: Some(1_763_903_374.25),
            last_success: Some(1_763_903_400.0),
            full_at: None,
        }
    }

    fn text(form: Form, rows: &[Row<'_>]) -> String {
        let mut writer = Writer::new(form);
        writer.begin();
        for (index, row) in rows.iter().enumerate() {
            writer.row(row, index == 0);
        }
        writer.end();
        String::from_utf8(writer.into_text()).unwrap()
    }

    #[test]
    fn what_a_spreadsheet_takes_for_a_formula_is_quoted() {
        let names = ["=1+1", "+1", "-1", "@A1", "a, \"b\"\nc", "'x", "1=2"];
        let text = text(Form::Csv, &names.map(row));
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        assert_eq!(reader.headers().unwrap(), &COLUMNS[..]);
        let read: Vec<_> = reader.records().map(Result::unwrap).collect();
        let shown = ["'=1+1", "'+1", "'-1", "'@A1", "a, \"b\"\nc", "'x", "1=2"];
        for (record, name) in read.iter().zip(shown) {
            let expected = [
                "r:0",
                "'-r:1",
                name,
                "fresh",
                "2",
                "3",
                "2",
                "",
                "false",
                "2025-11-23T13:09:34.250Z",
                "2025-11-23T13:10:00.000Z",
                "",
            ];
            assert_eq!(record, &expected[..]);
        }
        assert_eq!(read.len(), names.len());
    }

    #[test]
    fn json_has_the_same_columns_in_the_same_order_and_unix_times() {
        let row = row("=\"x\"");
        let text = text(Form::Json, &[row.clone(), row]);
        let rows: serde_json::Value = serde_json::from_str(&text).unwrap();
        let expected = serde_json::json!({
            "identity_pool_id": "r:0",
            "identity_id": "-r:1",
            "name": "=\"x\"",
            "state": "fresh",
            "datasets": 2,
            "storage_bytes": 3,
            "largest_dataset_storage_bytes": 2,
            "largest_dataset_records": null,
            "exact": false,
            "last_modified": 1_763_903_374.25,
            "last_success": 1_763_903_400.0,
            "full_at": null,
        });
        let expected = serde_json::json!({"identities": [expected, expected]});
        assert_eq!(rows, expected);
        let at = COLUMNS.map(|column| text.find(&format!("\"{column}\":")).unwrap());
        assert!(at.is_sorted(), "{text}");
        assert_eq!(serde_json::json!({"identities": []}), {
            let none = super::tests::text(Form::Json, &[]);
            serde_json::from_str::<serde_json::Value>(&none).unwrap()
        });
    }
}
