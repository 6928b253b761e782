//! Texts made of words that mean something, so that chance finds more than nonsense.

/// Each byte is a word of the list, or itself.
pub(crate) fn text(words: &[&str], input: &[u8]) -> String {
    let word = |byte: &u8| {
        words
            .get(usize::from(*byte))
            .map_or_else(|| char::from(*byte).to_string(), |word| (*word).to_owned())
    };
    input.iter().map(word).collect()
}
