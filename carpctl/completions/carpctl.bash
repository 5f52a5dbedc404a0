# Completion of carpctl for bash: the program itself says what may follow.

_carpctl() {
    local line word
    local -a words offered
    # As they were typed: bash has split them at `:' and `='.
    read -ra words <<<"${COMP_LINE:0:COMP_POINT}"
    [[ ${COMP_LINE:0:COMP_POINT} == *[[:space:]] ]] && words+=('')
    COMPREPLY=()
    mapfile -t offered < <(carpctl complete -- "${words[@]:1}" 2>/dev/null)
    for line in "${offered[@]}"; do
        word=${line%%$'\t'*}
        case $word in
        :files)
            compopt -o filenames
            mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "$2")
            ;;
        :commands)
            mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -c -- "$2")
            ;;
        *) COMPREPLY+=("$word") ;;
        esac
    done
}

complete -F _carpctl carpctl
