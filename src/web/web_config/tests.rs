//! The web configuration's meaning.
