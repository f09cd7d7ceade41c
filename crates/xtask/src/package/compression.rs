//! How packages are compressed.

/// By what, and how hard it tries.
#[derive(Clone, Copy)]
pub struct Compression {
    /// The arguments of `dpkg-deb`.
    pub dpkg_deb: [&'static str; 2],
    /// The command that `tar` pipes an archive through.
    pub tar: &'static str,
    /// How the name of its result ends.
    pub suffix: &'static str,
}

impl Compression {
    /// What is given away: as small as it can be, whatever that costs. In one thread, because more
    /// cut the archive into blocks.
    pub const SMALLEST: Self =
        Self { dpkg_deb: ["-Zxz", "-z9"], tar: "xz -T1 -9", suffix: "tar.xz" };
}
