# Completion of carpctl for fish: the program itself says what may follow.

function __carpctl_complete
    set -l before (commandline --cut-at-cursor --tokenize --current-process)
    set -l current (commandline --cut-at-cursor --current-token)
    for line in (carpctl complete -- $before[2..] "$current" 2>/dev/null)
        switch $line
            case :files
                __fish_complete_path "$current"
            case :commands
                __fish_complete_command
            case '*'
                echo $line
        end
    end
end

complete --command carpctl --no-files --keep-order --arguments '(__carpctl_complete)'
