//! Drops privileges that a load generator never needs, before it reads a byte from outside: it parses any server's bytes.
//!
//! ```text
//! start   not dumpable, no new privileges, no core files, no new processes, few system calls, no files but certificates
//! limit   memory and threads, by the set-up
//! seal    no file at all, no port but the targets'
//! close   no further io_uring, once every worker has its own
//! ```
//!
//! Each restriction holds for the threads that are started afterwards, and none can be undone. What the host does not offer
//! is reported, never fatal: a kernel without Landlock can still measure.

use crate::bounds;
use landlock::{
    ABI, Access, AccessFs, AccessNet, NetPort, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr,
    RulesetError, RulesetStatus, Scope,
};
use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, setrlimit};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch,
};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// What this process has dropped, and what of it the host does not offer.
#[derive(Debug, Default)]
pub struct Confinement {
    missing: Vec<String>,
}

impl Confinement {
    /// Drops everything that no set-up needs.
    #[must_use]
    pub fn start() -> Self {
        let mut confinement = Self::default();
        let mut try_to = |what: &str, result: Result<(), String>| {
            confinement.missing.extend(result.err().map(|why| format!("{what}: {why}")));
        };
        try_to("no_new_privs", words(rustix::thread::set_no_new_privs(true)));
        let hidden = rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable);
        try_to("not dumpable", words(hidden));
        let nothing = Rlimit { current: Some(0), maximum: Some(0) };
        try_to("no core files", words(setrlimit(Resource::Core, nothing)));
        let files = Rlimit { current: getrlimit(Resource::Nofile).maximum, ..getrlimit(Resource::Nofile) };
        try_to("file descriptors", words(setrlimit(Resource::Nofile, files)));
        // A file that grows beyond a limit is an error of the write, not this process's death.
        let ignored =
            signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::new(AtomicBool::new(false)));
        try_to("signals", words(ignored.map(drop)));
        try_to("landlock", landlock(&certificates(), None));
        try_to("seccomp", seccomp());
        confinement
    }

    /// Limits memory to what the set-up may need, and threads if this user has no other process.
    pub fn limit(&mut self, bytes: u64, threads: Option<u64>) {
        for (resource, name, most) in
            [(Resource::Data, "memory", Some(bytes)), (Resource::Nproc, "threads", threads)]
        {
            let Some(most) = most else { continue };
            let most = getrlimit(resource).maximum.map_or(most, |maximum| maximum.min(most));
            let limit = Rlimit { current: Some(most), maximum: Some(most) };
            let result = words(setrlimit(resource, limit));
            self.missing.extend(result.err().map(|why| format!("{name}: {why}")));
        }
    }

    /// From now on no file is opened and no port but these is connected to. Called before other threads are started.
    pub fn seal(&mut self, ports: &BTreeSet<u16>) {
        // What the kernel does not offer was reported by the first call.
        let is_known = self.missing.iter().any(|missing| missing.starts_with("landlock"));
        let sealed = landlock(&[], Some(ports));
        self.missing.extend(sealed.err().filter(|_| !is_known).map(|why| format!("landlock: {why}")));
    }

    /// What the host does not offer, as text.
    #[must_use]
    pub fn missing(&self) -> &[String] {
        &self.missing
    }
}

/// Forbids every thread to make another io_uring: its operations pass system call filters by.
///
/// # Errors
/// When the kernel refuses.
pub fn close_rings() -> Result<(), String> {
    let setup = BTreeMap::from([(libc::SYS_io_uring_setup, Vec::new())]);
    let program = program(setup, SeccompAction::Allow, errno(libc::EPERM))?;
    seccompiler::apply_filter_all_threads(&program).map_err(|error| error.to_string())
}

fn words<E: std::fmt::Display>(result: Result<(), E>) -> Result<(), String> {
    result.map_err(|error| error.to_string())
}

/// Forbids files but those beneath `readable`, and with `ports` to connect to others.
fn landlock(readable: &[PathBuf], ports: Option<&BTreeSet<u16>>) -> Result<(), String> {
    match restricted(readable, ports) {
        Ok(RulesetStatus::FullyEnforced) => Ok(()),
        Ok(RulesetStatus::PartiallyEnforced) => Err("this kernel has only a part of it".to_owned()),
        Ok(RulesetStatus::NotEnforced) => Err("this kernel does not have it".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

fn restricted(readable: &[PathBuf], ports: Option<&BTreeSet<u16>>) -> Result<RulesetStatus, RulesetError> {
    let mut rules = Ruleset::default()
        .handle_access(AccessFs::from_all(FILES))?
        .handle_access(AccessNet::BindTcp)?
        .scope(Scope::from_all(SCOPES))?;
    if ports.is_some() {
        rules = rules.handle_access(AccessNet::ConnectTcp)?;
    }
    let mut rules = rules.create()?;
    for path in readable {
        // What is not there needs no rule.
        if let Ok(directory) = PathFd::new(path) {
            rules = rules.add_rule(PathBeneath::new(directory, access(path)))?;
        }
    }
    for port in ports.into_iter().flatten() {
        rules = rules.add_rule(NetPort::new(*port, AccessNet::ConnectTcp))?;
    }
    Ok(rules.restrict_self()?.ruleset)
}

fn access(path: &Path) -> landlock::BitFlags<AccessFs> {
    if path.is_dir() { AccessFs::ReadFile | AccessFs::ReadDir } else { AccessFs::ReadFile.into() }
}

/// Where systems keep the certificates that they trust: the folders, and what links in them point to.
fn certificates() -> Vec<PathBuf> {
    let links = CERTIFICATE_FILES.iter().filter_map(|file| Path::new(file).canonicalize().ok());
    CERTIFICATE_FOLDERS.iter().map(PathBuf::from).chain(links).collect()
}

/// Two filters: what is on no list does not exist for this program, and what is dangerous is refused by name.
fn seccomp() -> Result<(), String> {
    let allowed = ALLOWED.iter().chain(ALLOWED_HERE).map(|call| (*call, Vec::new())).collect();
    let existing = program(allowed, errno(libc::ENOSYS), SeccompAction::Allow)?;
    let mut refused = REFUSED.iter().map(|call| (*call, Vec::new())).collect::<BTreeMap<_, _>>();
    refused.extend(conditional().map_err(|error| error.to_string())?);
    let refusing = program(refused, SeccompAction::Allow, errno(libc::EPERM))?;
    // Where both refuse, the program that was added last decides the error.
    for program in [existing, refusing] {
        seccompiler::apply_filter(&program).map_err(|error| error.to_string())?;
    }
    Ok(())
}

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Calls that are refused depending on their arguments.
fn conditional() -> Result<Rules, seccompiler::BackendError> {
    let word = |argument, operator, value: libc::c_int| {
        let value = u64::from(value.cast_unsigned());
        SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value)
    };
    let is = |argument, value| SeccompRule::new(vec![word(argument, SeccompCmpOp::Eq, value)?]);
    let none_of = |argument, values: &[libc::c_int]| {
        let differs = values.iter().map(|value| word(argument, SeccompCmpOp::Ne, *value));
        SeccompRule::new(differs.collect::<Result<Vec<_>, _>>()?)
    };
    let thread = u64::from(libc::CLONE_THREAD.cast_unsigned());
    let process = SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(thread), 0)?;
    let options = REFUSED_OPTIONS.iter().map(|option| is(0, *option));
    Ok(BTreeMap::from([
        (libc::SYS_clone, vec![SeccompRule::new(vec![process])?]),
        (libc::SYS_socket, vec![none_of(0, FAMILIES)?, none_of(2, PROTOCOLS)?]),
        (libc::SYS_socketpair, vec![none_of(0, &[libc::AF_UNIX])?]),
        (libc::SYS_prctl, options.collect::<Result<Vec<_>, seccompiler::BackendError>>()?),
    ]))
}

fn program(rules: Rules, otherwise: SeccompAction, on_match: SeccompAction) -> Result<BpfProgram, String> {
    let machine = TargetArch::try_from(std::env::consts::ARCH).map_err(|error| error.to_string())?;
    let filter =
        SeccompFilter::new(rules, otherwise, on_match, machine).map_err(|error| error.to_string())?;
    filter.try_into().map_err(|error: seccompiler::BackendError| error.to_string())
}

fn errno(number: libc::c_int) -> SeccompAction {
    SeccompAction::Errno(number.cast_unsigned())
}

/// How many threads a load generator of so many workers starts at most.
#[must_use]
pub fn threads(workers: usize) -> u64 {
    // A worker and its composer each, the kernel's workers for their rings, and a few for all.
    4 * workers as u64 + bounds::OTHER_THREADS
}

/// Rights to files that are dropped: all that this version knows.
const FILES: ABI = ABI::V5;
/// Signals and abstract sockets of other processes.
const SCOPES: ABI = ABI::V6;
/// Folders of certificates, as OpenSSL's users keep them.
const CERTIFICATE_FOLDERS: &[&str] = &[
    "/etc/ssl",
    "/etc/pki",
    "/etc/openssl",
    "/etc/certs",
    "/etc/ca-certificates",
    "/usr/share/ca-certificates",
    "/usr/share/pki",
    "/usr/share/ssl",
    "/usr/lib/ssl",
    "/usr/local/ssl",
    "/usr/local/etc/openssl",
    "/usr/local/share/ca-certificates",
    "/var/lib/ca-certificates",
    "/opt/etc/ssl",
];
/// Files that may be links out of those folders.
const CERTIFICATE_FILES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/ssl/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/tls/cert.pem",
];
/// Kinds of sockets that servers are reached by.
const FAMILIES: &[libc::c_int] = &[libc::AF_INET, libc::AF_INET6, libc::AF_UNIX];
const PROTOCOLS: &[libc::c_int] = &[0, libc::IPPROTO_TCP, libc::IPPROTO_UDP];
/// What would undo a part of this, or let another process in.
const REFUSED_OPTIONS: &[libc::c_int] = &[
    libc::PR_SET_DUMPABLE,
    libc::PR_SET_PTRACER,
    libc::PR_SET_MM,
    libc::PR_SET_SECUREBITS,
    libc::PR_CAP_AMBIENT,
    libc::PR_SET_CHILD_SUBREAPER,
];
/// System calls that exist for a load generator on every machine: memory, threads, time, descriptors that it has, sockets.
const ALLOWED: &[i64] = &[
    libc::SYS_accept4,
    libc::SYS_bind,
    libc::SYS_brk,
    libc::SYS_clock_getres,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_clone,
    libc::SYS_close,
    libc::SYS_close_range,
    libc::SYS_connect,
    libc::SYS_copy_file_range,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2,
    libc::SYS_eventfd2,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_fadvise64,
    libc::SYS_fallocate,
    libc::SYS_fcntl,
    libc::SYS_fdatasync,
    libc::SYS_fstat,
    libc::SYS_fstatfs,
    libc::SYS_fsync,
    libc::SYS_ftruncate,
    libc::SYS_futex,
    libc::SYS_get_mempolicy,
    libc::SYS_get_robust_list,
    libc::SYS_getcpu,
    libc::SYS_getcwd,
    libc::SYS_getdents64,
    libc::SYS_getegid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getpeername,
    libc::SYS_getpgid,
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_getpriority,
    libc::SYS_getrandom,
    libc::SYS_getresgid,
    libc::SYS_getresuid,
    libc::SYS_getrusage,
    libc::SYS_getsockname,
    libc::SYS_getsockopt,
    libc::SYS_gettid,
    libc::SYS_gettimeofday,
    libc::SYS_getuid,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_io_uring_setup,
    libc::SYS_ioctl,
    libc::SYS_kill,
    libc::SYS_landlock_add_rule,
    libc::SYS_landlock_create_ruleset,
    libc::SYS_landlock_restrict_self,
    libc::SYS_listen,
    libc::SYS_lseek,
    libc::SYS_madvise,
    libc::SYS_mbind,
    libc::SYS_membarrier,
    libc::SYS_memfd_create,
    libc::SYS_mincore,
    libc::SYS_mlock,
    libc::SYS_mmap,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_munlock,
    libc::SYS_munmap,
    libc::SYS_nanosleep,
    libc::SYS_newfstatat,
    libc::SYS_openat,
    libc::SYS_pipe2,
    libc::SYS_ppoll,
    libc::SYS_prctl,
    libc::SYS_pread64,
    libc::SYS_preadv,
    libc::SYS_preadv2,
    libc::SYS_prlimit64,
    libc::SYS_pselect6,
    libc::SYS_pwrite64,
    libc::SYS_pwritev,
    libc::SYS_pwritev2,
    libc::SYS_read,
    libc::SYS_readahead,
    libc::SYS_readlinkat,
    libc::SYS_readv,
    libc::SYS_recvfrom,
    libc::SYS_recvmmsg,
    libc::SYS_recvmsg,
    libc::SYS_restart_syscall,
    libc::SYS_rseq,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigpending,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigqueueinfo,
    libc::SYS_rt_sigreturn,
    libc::SYS_rt_sigsuspend,
    libc::SYS_rt_sigtimedwait,
    libc::SYS_rt_tgsigqueueinfo,
    libc::SYS_sched_get_priority_max,
    libc::SYS_sched_get_priority_min,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_getattr,
    libc::SYS_sched_getparam,
    libc::SYS_sched_getscheduler,
    libc::SYS_sched_rr_get_interval,
    libc::SYS_sched_setaffinity,
    libc::SYS_sched_setscheduler,
    libc::SYS_sched_yield,
    libc::SYS_seccomp,
    libc::SYS_sendfile,
    libc::SYS_sendmmsg,
    libc::SYS_sendmsg,
    libc::SYS_sendto,
    libc::SYS_set_robust_list,
    libc::SYS_set_tid_address,
    libc::SYS_setpriority,
    libc::SYS_setsockopt,
    libc::SYS_shutdown,
    libc::SYS_sigaltstack,
    libc::SYS_socket,
    libc::SYS_socketpair,
    libc::SYS_splice,
    libc::SYS_statx,
    libc::SYS_sync_file_range,
    libc::SYS_sysinfo,
    libc::SYS_tgkill,
    libc::SYS_timer_create,
    libc::SYS_timer_delete,
    libc::SYS_timer_settime,
    libc::SYS_timerfd_create,
    libc::SYS_timerfd_settime,
    libc::SYS_times,
    libc::SYS_tkill,
    libc::SYS_umask,
    libc::SYS_uname,
    libc::SYS_write,
    libc::SYS_writev,
];
/// What C libraries still call by its older name on this machine.
#[cfg(target_arch = "x86_64")]
const ALLOWED_HERE: &[i64] = &[
    libc::SYS_access,
    libc::SYS_arch_prctl,
    libc::SYS_dup2,
    libc::SYS_epoll_create,
    libc::SYS_epoll_wait,
    libc::SYS_eventfd,
    libc::SYS_getpgrp,
    libc::SYS_getrlimit,
    libc::SYS_lstat,
    libc::SYS_open,
    libc::SYS_pause,
    libc::SYS_pipe,
    libc::SYS_poll,
    libc::SYS_readlink,
    libc::SYS_select,
    libc::SYS_stat,
    libc::SYS_time,
];
#[cfg(not(target_arch = "x86_64"))]
const ALLOWED_HERE: &[i64] = &[];
/// Calls refused by name, so that tests and traces of system calls can distinguish refused calls from missing ones.
const REFUSED: &[i64] = &[
    libc::SYS_acct,
    libc::SYS_add_key,
    libc::SYS_adjtimex,
    libc::SYS_bpf,
    libc::SYS_capset,
    libc::SYS_chroot,
    libc::SYS_clock_settime,
    libc::SYS_delete_module,
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_fanotify_init,
    libc::SYS_finit_module,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fsopen,
    libc::SYS_fspick,
    libc::SYS_init_module,
    libc::SYS_kcmp,
    libc::SYS_kexec_load,
    libc::SYS_keyctl,
    libc::SYS_mount,
    libc::SYS_mount_setattr,
    libc::SYS_move_mount,
    libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    libc::SYS_open_tree,
    libc::SYS_perf_event_open,
    libc::SYS_personality,
    libc::SYS_pidfd_getfd,
    libc::SYS_pidfd_open,
    libc::SYS_pivot_root,
    libc::SYS_process_madvise,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_ptrace,
    libc::SYS_quotactl,
    libc::SYS_reboot,
    libc::SYS_request_key,
    libc::SYS_setdomainname,
    libc::SYS_setfsgid,
    libc::SYS_setfsuid,
    libc::SYS_setgid,
    libc::SYS_setgroups,
    libc::SYS_sethostname,
    libc::SYS_setns,
    libc::SYS_setregid,
    libc::SYS_setresgid,
    libc::SYS_setresuid,
    libc::SYS_setreuid,
    libc::SYS_settimeofday,
    libc::SYS_setuid,
    libc::SYS_swapoff,
    libc::SYS_swapon,
    libc::SYS_syslog,
    libc::SYS_umount2,
    libc::SYS_unshare,
    libc::SYS_userfaultfd,
    libc::SYS_vhangup,
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::ErrorKind;
    use std::net::{TcpListener, TcpStream, UdpSocket};
    use std::process::Command;

    #[test]
    fn every_filter_compiles_here() {
        let allowed = ALLOWED.iter().chain(ALLOWED_HERE).map(|call| (*call, Vec::new())).collect();
        let filter = program(allowed, errno(libc::ENOSYS), SeccompAction::Allow);
        assert!(filter.is_ok_and(|program| !program.is_empty()), "what exists");
        let refused = conditional().unwrap();
        assert!(program(refused, SeccompAction::Allow, errno(libc::EPERM)).is_ok(), "what is refused");
    }

    #[test]
    fn no_call_is_both_allowed_and_refused() {
        let allowed = ALLOWED.iter().chain(ALLOWED_HERE).collect::<BTreeSet<_>>();
        assert_eq!(allowed.len(), ALLOWED.len() + ALLOWED_HERE.len(), "each once");
        let both = REFUSED.iter().filter(|call| allowed.contains(call)).collect::<Vec<_>>();
        assert!(both.is_empty(), "{both:?}");
    }

    /// Runs this test in a process of its own, which drops everything.
    fn confined(test: &str) {
        let test = format!("{}::{test}", module_path!().split_once("::").unwrap().1);
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", &test, "--include-ignored", "--nocapture"]).env(CHILD, "1");
        let output = child.output().unwrap();
        let words = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && words.contains("1 passed"), "{words}");
    }

    fn is_child() -> bool {
        std::env::var_os(CHILD).is_some()
    }

    const CHILD: &str = "AIPERF_TEST_CONFINED";

    #[test]
    fn what_is_given_up_is_gone() {
        if !is_child() {
            return confined("what_is_given_up_is_gone");
        }
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let other = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, other) = (listener.local_addr().unwrap(), other.local_addr().unwrap());
        let trusted = || rustls_native_certs::load_native_certs().certs.len();
        let before = trusted();
        let mut confinement = Confinement::start();
        assert_eq!(trusted(), before, "certificates can be read");
        let has_landlock = !confinement.missing().iter().any(|missing| missing.starts_with("landlock"));
        assert!(Command::new("/bin/true").spawn().is_err(), "no other program");
        let unix = rustix::net::AddressFamily::NETLINK;
        let netlink = rustix::net::socket(unix, rustix::net::SocketType::RAW, None);
        assert_eq!(netlink.err(), Some(rustix::io::Errno::PERM), "no other kind of socket");
        let visible = rustix::process::set_dumpable_behavior(DumpableBehavior::Dumpable);
        assert_eq!(visible, Err(rustix::io::Errno::PERM), "it stays hidden");
        assert_eq!(getrlimit(Resource::Core).maximum, Some(0), "no core file");
        if has_landlock {
            let denied = std::fs::File::open("/etc/passwd").map_err(|error| error.kind());
            assert_eq!(denied.err(), Some(ErrorKind::PermissionDenied), "no file");
            TcpStream::connect(other).unwrap();
        }
        confinement.seal(&BTreeSet::from([address.port()]));
        TcpStream::connect(address).unwrap();
        if has_landlock {
            let denied = TcpStream::connect(other).map_err(|error| error.kind());
            assert_eq!(denied.err(), Some(ErrorKind::PermissionDenied), "no other port");
            let denied = TcpListener::bind("127.0.0.1:0").map_err(|error| error.kind());
            assert_eq!(denied.err(), Some(ErrorKind::PermissionDenied), "no client is served");
            let folder = std::fs::read_dir("/etc/ssl").map_err(|error| error.kind());
            assert_ne!(folder.err(), None, "no certificates any more");
            assert_eq!(trusted(), 0, "by no certificate");
        }
        UdpSocket::bind("127.0.0.1:0").unwrap();
        assert!(io_uring::IoUring::new(8).is_ok(), "rings can be made");
        std::thread::spawn(|| ()).join().unwrap();
    }

    #[test]
    fn no_more_rings_are_made() {
        if !is_child() {
            return confined("no_more_rings_are_made");
        }
        drop(Confinement::start());
        // The test's own main thread has not dropped anything: where all threads can't follow, the kernel refuses.
        let setup = BTreeMap::from([(libc::SYS_io_uring_setup, Vec::new())]);
        let filter = program(setup, SeccompAction::Allow, errno(libc::EPERM)).unwrap();
        seccompiler::apply_filter(&filter).unwrap();
        let refused = io_uring::IoUring::new(8).map_err(|error| error.kind()).err();
        assert_eq!(refused, Some(ErrorKind::PermissionDenied), "by the kernel");
    }

    #[test]
    fn memory_and_threads_are_limited() {
        if !is_child() {
            return confined("memory_and_threads_are_limited");
        }
        let mut confinement = Confinement::default();
        confinement.limit(256 << 20, Some(1 << 20));
        assert_eq!(confinement.missing(), [""; 0], "all of it");
        assert_eq!(getrlimit(Resource::Data).current, Some(256 << 20), "memory");
        let mut bytes = Vec::<u8>::new();
        assert!(bytes.try_reserve(512 << 20).is_err(), "more is refused");
        assert!(bytes.try_reserve(1 << 20).is_ok(), "and the rest is available");
    }
}
