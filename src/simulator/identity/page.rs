//! Pages of Cognito Identity's lists.
//!
//! A page begins after the last key of the one before it, an exclusive start key as AWS's tokens
//! seem to hold. So what is added or removed between two calls moves nothing else to another page.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::request::Input;
use crate::simulator::reply::AwsError;

/// The most items that can be requested (botocore's service model of Cognito Identity:
/// `QueryLimit`, max 60).
const MAX_RESULTS: i64 = 60;

/// A requested page of a list.
pub(super) struct Page<'a> {
    /// What is listed, such as a pool's id.
    list: &'a str,
    /// Tokens of others are refused.
    generation: u64,
    pub(super) after: Option<String>,
    pub(super) size: usize,
}

impl<'a> Page<'a> {
    /// The page that is requested, with at most `most` items.
    ///
    /// # Errors
    /// When the number of items is missing or out of range, or when the token is not one of this
    /// list and generation.
    pub(super) fn of(
        input: &Input,
        list: &'a str,
        generation: u64,
        most: usize,
    ) -> Result<Self, AwsError> {
        let error = |message: String| (400, "InvalidParameterException", message);
        let size = match input.max_results {
            Some(size @ 1..=MAX_RESULTS) => size as usize,
            wrong => {
                let wrong = wrong.map_or("null".to_owned(), |size| size.to_string());
                return Err(error(format!(
                    "1 validation error detected: Value '{wrong}' at 'maxResults' failed to \
                     satisfy constraint: Member must be between 1 and {MAX_RESULTS}"
                )));
            }
        };
        let mut page = Self {
            list,
            generation,
            after: None,
            size: size.min(most.max(1)),
        };
        if let Some(token) = &input.next_token {
            let after = page.start_key(token);
            page.after = Some(after.ok_or_else(|| error("Invalid NextToken".to_owned()))?);
        }
        Ok(page)
    }

    /// The token of the page after one that ends with this key.
    pub(super) fn token(&self, last: &str) -> String {
        URL_SAFE_NO_PAD.encode(format!("{} {} {last}", self.generation, self.list))
    }

    fn start_key(&self, token: &str) -> Option<String> {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
        let (generation, rest) = text.split_once(' ')?;
        let (list, last) = rest.split_once(' ')?;
        let is_own = generation.parse() == Ok(self.generation) && list == self.list;
        is_own.then(|| last.to_owned())
    }
}
