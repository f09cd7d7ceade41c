//! A short text in shared memory.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

const WORD: usize = size_of::<u64>();

/// At most `8 * WORDS` bytes of UTF-8.
#[derive(Debug)]
#[repr(C)]
pub(super) struct SharedText<const WORDS: usize> {
    length: AtomicU32,
    words: [AtomicU64; WORDS],
}

impl<const WORDS: usize> Default for SharedText<WORDS> {
    fn default() -> Self {
        Self { length: AtomicU32::new(0), words: std::array::from_fn(|_| AtomicU64::new(0)) }
    }
}

impl<const WORDS: usize> SharedText<WORDS> {
    /// Stores the beginning of `text` that fits.
    pub(super) fn store(&self, text: &str) {
        let text = &text[..text.floor_char_boundary(text.len().min(WORDS * WORD))];
        for (word, bytes) in self.words.iter().zip(text.as_bytes().chunks(WORD)) {
            word.store(pack(bytes), Ordering::Relaxed);
        }
        // No longer than the array, which is short.
        self.length.store(u32::try_from(text.len()).unwrap_or(0), Ordering::Relaxed);
    }

    pub(super) fn load(&self) -> String {
        let mut bytes = Vec::with_capacity(WORDS * WORD);
        for word in &self.words[..self.len().div_ceil(WORD)] {
            bytes.extend_from_slice(&word.load(Ordering::Relaxed).to_le_bytes());
        }
        bytes.truncate(self.len());
        String::from_utf8_lossy(&bytes).into_owned()
    }

    pub(super) fn is(&self, text: &str) -> bool {
        let mut words = self.words.iter().zip(text.as_bytes().chunks(WORD));
        self.len() == text.len()
            && words.all(|(word, bytes)| word.load(Ordering::Relaxed) == pack(bytes))
    }

    fn len(&self) -> usize {
        (self.length.load(Ordering::Relaxed) as usize).min(WORDS * WORD)
    }
}

fn pack(bytes: &[u8]) -> u64 {
    let mut word = [0; WORD];
    word[..bytes.len()].copy_from_slice(bytes);
    u64::from_le_bytes(word)
}
