//! The moments of a request's life, by the names of their columns.

use crate::Request;
use common::clock::MonoNs;

/// A moment of a request's life.
#[derive(Clone, Copy, Debug)]
pub struct Stage {
    /// The column that holds it, without `_ns`.
    pub name: &'static str,
    /// When it was, if it was.
    pub of: fn(&Request) -> Option<MonoNs>,
}

/// Every stage, about in the order in which they come.
pub const STAGES: &[Stage] = &[
    Stage { name: "due", of: |request| Some(request.due_ns) },
    Stage { name: "connect_begun", of: |request| request.connect_begun_ns },
    Stage { name: "connected", of: |request| request.connected_ns },
    Stage { name: "submitted", of: |request| request.submitted_ns },
    Stage { name: "kernel_sent_first", of: |request| request.kernel_sent_first_ns },
    Stage { name: "kernel_sent_last", of: |request| request.kernel_sent_last_ns },
    Stage { name: "head_kernel_received", of: |request| request.head_kernel_received_ns },
    Stage { name: "head_reaped", of: |request| request.head_reaped_ns },
    Stage { name: "first_token_kernel", of: |request| request.first_token_kernel_ns },
    Stage { name: "first_token_reaped", of: |request| request.first_token_reaped_ns },
    Stage { name: "first_answer_kernel", of: |request| request.first_answer_kernel_ns },
    Stage { name: "first_answer_reaped", of: |request| request.first_answer_reaped_ns },
    Stage { name: "last_token_kernel", of: |request| request.last_token_kernel_ns },
    Stage { name: "last_token_reaped", of: |request| request.last_token_reaped_ns },
    Stage { name: "kernel_received_last", of: |request| request.kernel_received_last_ns },
    Stage { name: "ended", of: |request| Some(request.ended_ns) },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Row;

    #[test]
    fn each_is_a_column() {
        let columns = Request::columns();
        for Stage { name, .. } in STAGES {
            let column = format!("{name}_ns");
            assert!(columns.iter().any(|known| known.name == column), "there is no {column}");
        }
    }
}
