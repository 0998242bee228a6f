//! What bash reads before the script (`BASH_ENV` of bash(1)), and the tools
//! that pasted commands take for granted.

/// What our names in the script's bash begin with.
pub(super) const PREFIX: &str = "__nslab_";

/// Where it all is, in the sandbox.
pub(super) const FOLDER: &str = "/run/nslab/shell";
/// Bash tells here what it is about to run.
pub(super) const TOLD: &str = "/run/nslab/shell/told";
/// And waits here until it may.
pub(super) const GO: &str = "/run/nslab/shell/go";
/// The prelude.
pub(super) const PRELUDE: &str = "/run/nslab/shell/prelude";
/// The tools.
pub(super) const TOOLS: &str = "/run/nslab/shell/bin";

/// What bash does when it is interrupted itself: it goes on.
pub(super) const INTERRUPTED: &str = ": __nslab_interrupted";

/// How many words bash tells of a command.
pub(super) const FIELDS: usize = 8;

/// The trap tells of each command before it runs, and waits.
///
/// It leaves `$?`, `$_` and `set -x` as they were, and says nothing under
/// `set -x`. A DEBUG trap of the script's own is called from it, where bash
/// would have called that. With a trap for SIGINT, a `wait` without end can be
/// interrupted without ending the script. `$-` has a `T` too many.
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

/// Whoever asks for root in a sandbox has it.
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
