//! The file that bash reads before the script (`BASH_ENV` of bash(1)), and the
//! tools that pasted commands expect.

/// The prefix of nslab's names in the script's bash.
pub(super) const PREFIX: &str = "__nslab_";

/// The folder of these files in the sandbox.
pub(super) const FOLDER: &str = "/run/nslab/shell";
/// The pipe on which bash reports its next command.
pub(super) const TOLD: &str = "/run/nslab/shell/told";
/// The pipe on which bash waits until it may go on.
pub(super) const GO: &str = "/run/nslab/shell/go";
/// The prelude.
pub(super) const PRELUDE: &str = "/run/nslab/shell/prelude";
/// The folder of the tools.
pub(super) const TOOLS: &str = "/run/nslab/shell/bin";

/// The command by which bash handles an interrupt: it goes on.
pub(super) const INTERRUPTED: &str = ": __nslab_interrupted";

/// The number of fields of a report.
pub(super) const FIELDS: usize = 8;

/// Returns the prelude. Its trap reports each command before it runs, and waits.
///
/// It preserves `$?`, `$_` and `set -x`, and prints nothing under `set -x`. It
/// calls a DEBUG trap of the script at the times at which bash would. A trap for
/// SIGINT allows interrupting an endless `wait` without ending the script. `$-`
/// has an additional `T`.
pub(super) fn prelude() -> String {
    let trap = [
        "{ __nslab_s=$? __nslab_u=${_-} __nslab_x=$-; set +x; } 2>/dev/null",
        "builtin printf \"%s\\0\" \"$__nslab_s\" \"$LINENO\" \"$BASHPID\" \"$BASH_SUBSHELL\" \"${#BASH_SOURCE[@]}\" \
         \"$__nslab_x\" \"${BASH_SOURCE[0]-}\" \"${BASH_COMMAND:0:1000}\" >&201",
        "builtin read -r -u 202 __nslab_go",
        "[[ -n $__nslab_debug && ${#BASH_SOURCE[@]} == \"$__nslab_depth\" && $BASH_SUBSHELL == 0 ]] && \
         { __nslab_status $__nslab_s; eval \"$__nslab_debug\"; }",
        "{ [[ $__nslab_x == *x* ]] && set -x; : \"$__nslab_u\"; } 2>/dev/null",
    ];
    format!(
        "unset BASH_ENV\n\
         exec 201>>{TOLD} 202<{GO}\n\
         __nslab_debug= __nslab_depth=1 __nslab_go=\n\
         __nslab_status() {{ return $1; }}\n\
         __nslab_trap() {{\n\
             [[ $1 == -- ]] && shift\n\
             local signal action=$1\n\
             [[ $# -eq 1 ]] && action=-\n\
             [[ $# -gt 1 ]] && shift\n\
             for signal; do\n\
                 case $signal in\n\
                     DEBUG) [[ $action == - ]] && action=; __nslab_debug=$action __nslab_depth=$((${{#BASH_SOURCE[@]}} - 1)) ;;\n\
                     *) builtin trap -- \"$action\" \"$signal\" ;;\n\
                 esac\n\
             done\n\
         }}\n\
         builtin trap '{INTERRUPTED}' INT\n\
         set -T\n\
         trap '{}' DEBUG\n",
        trap.join("; ")
    )
}

/// Any user of a sandbox can be root.
pub(super) const SUDO: &str = r#"#!/bin/sh
while [ $# -gt 0 ]; do
    case $1 in
        --) shift; break ;;
        -[ugprtCDRTU]|--user|--group|--prompt|--chdir|--chroot) shift; [ $# -gt 0 ] && shift ;;
        -i|-s|--login|--shell) shell=sh; shift ;;
        -*) shift ;;
        [A-Za-z_]*=*) export "$1"; shift ;;
        *) break ;;
    esac
done
if [ $# -gt 0 ]; then
    command -v "$1" > /dev/null || { echo "sudo: $1: command not found" >&2; exit 1; }
    exec "$@"
fi
[ -z "$shell" ] || exec "${SHELL:-/bin/sh}"
"#;
