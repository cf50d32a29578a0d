//! Where cgroup v2 is mounted, and how, according to the mount table.

/// Where a hierarchy of cgroups is mounted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mounted {
    /// The folder.
    pub path: String,
    /// Whether it may not be changed there by any user.
    pub is_read_only: bool,
}

/// The mount of type cgroup2 in the text of a mount table: `/sys/fs/cgroup`, or a folder below it where v1 is there too.
#[must_use]
pub fn unified(mounts: &str) -> Option<Mounted> {
    mounts.lines().find_map(|line| {
        // man 5 proc_pid_mountinfo: the point is field 5, its options 6; type and source follow ` - `.
        let (before, after) = line.split_once(" - ")?;
        if after.split(' ').next() != Some("cgroup2") {
            return None;
        }
        let mut fields = before.split(' ').skip(4);
        let (path, options) = (fields.next()?, fields.next().unwrap_or_default());
        let is_read_only = options.split(',').any(|option| option == "ro");
        Some(Mounted { path: path.to_owned(), is_read_only })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(mounts: &str, expected: Option<(&str, bool)>) {
        let expected = expected.map(|(path, is_read_only)| Mounted { path: path.to_owned(), is_read_only });
        assert_eq!(unified(mounts), expected, "{mounts}");
    }

    #[test]
    fn finds_the_unified_hierarchy() {
        check(
            "30 29 0:26 / /sys/fs/cgroup/unified rw,nosuid shared:9 - cgroup2 cgroup2 rw\n\
             31 29 0:27 / /sys/fs/cgroup/systemd rw shared:10 - cgroup cgroup rw,name=systemd\n",
            Some(("/sys/fs/cgroup/unified", false)),
        );
        check(
            "25 30 0:23 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw,nsdelegate\n",
            Some(("/sys/fs/cgroup", false)),
        );
        check("25 30 0:23 / /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw\n", Some(("/sys/fs/cgroup", true)));
        check("31 29 0:27 / /x rw - tmpfs tmpfs rw\n", None);
        check(" - cgroup2\n - \n", None);
    }
}
