//! How the C library's allocator treats large buffers.
#![allow(unsafe_code)]

/// Payloads and answers are up to several megabytes. glibc maps the first of that size by itself, and
/// so can give it back, but then takes such sizes from its arenas, which stay as large as the worst
/// moment of each: 104 MB after 200,000 calls instead of 24. A fixed threshold keeps it from learning
/// (mallopt(3), `M_MMAP_THRESHOLD`).
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(crate) fn give_large_buffers_back() {
    const THRESHOLD_BYTES: i32 = 128 * 1024;

    // SAFETY: mallopt only stores two numbers in the allocator's state, under its own lock; any
    // value is allowed, and it may be called at any time. It is called before threads are started.
    // It fails for numbers that it does not know, and then changes nothing.
    unsafe { nix::libc::mallopt(nix::libc::M_MMAP_THRESHOLD, THRESHOLD_BYTES) };
}

/// Other C libraries give large buffers back.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) fn give_large_buffers_back() {}
