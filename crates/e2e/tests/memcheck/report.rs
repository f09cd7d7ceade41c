use std::fs;
use std::path::Path;

/// What valgrind wrote about one process.
pub struct Report {
    /// The process.
    pub pid: i32,
    /// One for each fault or loss: its lines, without valgrind's own prefix.
    blocks: Vec<String>,
}

impl Report {
    /// The reports in a folder, named by their processes.
    pub fn read_all(folder: &Path) -> Vec<Self> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let read = |path: &Path| {
            let pid = path.file_stem()?.to_str()?.parse().ok()?;
            Some(Self { pid, blocks: blocks(&fs::read_to_string(path).unwrap()) })
        };
        entries.filter_map(|path| read(&path)).collect()
    }

    /// Reads and writes of what is not the process's own, and decisions on what was never written,
    /// where our library had a part. PostgreSQL's own, such as sending structures with their padding,
    /// are not ours to judge.
    pub fn faults_of_ours(&self) -> Vec<String> {
        self.blocks.iter().filter(|it| loss(it).is_none() && is_ours(it)).cloned().collect()
    }

    /// Bytes that our library allocated and nothing points to any more.
    pub fn lost_by_ours(&self) -> u64 {
        let ours = self.blocks.iter().filter(|it| is_ours(it) && !is_known(it));
        ours.filter_map(|it| loss(it)).sum()
    }
}

/// Whether a frame of a stack is in our library: no other part of the server is written in Rust.
fn is_ours(block: &str) -> bool {
    block.lines().any(|line| line.contains(".rs:") || line.contains("aws_lambda.so"))
}

/// pgrx 0.18.1 raises an error that comes from PostgreSQL again where it leaves one of our functions, with
/// a copy of its message domain (`postgres-15`). PostgreSQL's jump leaves the copy behind: 12 bytes.
fn is_known(block: &str) -> bool {
    let mut frames =
        block.lines().skip_while(|line| !line.contains("alloc::ffi::c_str::CString::new"));
    frames.any(|line| line.contains("pgrx_pg_sys::submodules::panic::do_ereport::{{closure}}"))
}

/// `1,024 bytes in 1 blocks are definitely lost in loss record 5 of 9`, or
/// `96 (32 direct, 64 indirect) bytes in ...`.
fn loss(block: &str) -> Option<u64> {
    let line = block.lines().find(|line| line.contains("definitely lost"))?;
    let number = line.split_whitespace().next()?.replace(',', "");
    number.parse().ok()
}

/// Each line begins with `==PID== `; a line with nothing more stands between blocks.
fn blocks(text: &str) -> Vec<String> {
    let lines =
        text.lines().filter_map(|line| line.strip_prefix("==")?.split_once("==")).map(|it| it.1);
    let mut blocks = vec![String::new()];
    for line in lines {
        let last = blocks.last_mut().unwrap();
        if line.trim().is_empty() {
            blocks.push(String::new());
        } else {
            last.push_str(line.trim());
            last.push('\n');
        }
    }
    blocks.retain(|block| !block.is_empty());
    blocks
}

#[test]
fn faults_and_losses_of_ours_are_told_from_others() {
    let text = "\
==7== Invalid read of size 8
==7==    at 0x1: invoke (invoke.rs:5)
==7==
==7== Syscall param write(buf) points to uninitialised byte(s)
==7==    at 0x2: XLogWrite (in /usr/lib/postgresql/15/bin/postgres)
==7==
==7== 1,096 (32 direct, 1,064 indirect) bytes in 1 blocks are definitely lost in loss record 5 of 9
==7==    at 0x3: malloc
==7==    by 0x4: call (backend.rs:9)
==7==
==7== 12 bytes in 1 blocks are definitely lost in loss record 6 of 9
==7==    at 0x3: malloc
==7==    by 0x5: alloc::ffi::c_str::CString::new (in /usr/lib/postgresql/15/lib/aws_lambda.so)
==7==    by 0x6: pgrx_pg_sys::submodules::panic::do_ereport::{{closure}} (in /lib/aws_lambda.so)
==7==
";
    let report = Report { pid: 7, blocks: blocks(text) };
    assert_eq!(report.faults_of_ours(), ["Invalid read of size 8\nat 0x1: invoke (invoke.rs:5)\n"]);
    assert_eq!(report.lost_by_ours(), 1_096);
}
