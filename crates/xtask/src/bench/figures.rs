//! The figures, in the order in which they are measured and shown.

use super::figure::Figure;

/// Every figure.
pub const FIGURES: &[Figure] = &[];
