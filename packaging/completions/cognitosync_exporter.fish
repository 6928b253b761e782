# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_cognitosync_exporter_global_optspecs
    string join \n config-file= config-check state-path= web-listen-address= web-telemetry-path= web-config-file= web-systemd-socket web-health-without-login web-enable-lifecycle web-max-connections= web-max-requests= log-level= log-format= h/help V/version
end

function __fish_cognitosync_exporter_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_cognitosync_exporter_global_optspecs) -- (string replace --all . - -- $cmd) 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_cognitosync_exporter_using_subcommand
    set -l cmd (__fish_cognitosync_exporter_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_needs_command" -l config.file -d 'The configuration file [default: config.yaml]' -r -F
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_needs_command" -l state.path -d 'Directory that keeps what is known over restarts' -r -F
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_needs_command" -l web.listen-address -d 'HOST:PORT, :PORT or unix:/PATH; repeatable' -r
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_needs_command" -l web.telemetry-path -d 'Path of the metrics' -r
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_needs_command" -l web.config.file -d 'The web configuration file: TLS, logins, headers, rate limit' -r -F
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_needs_command" -l web.max-connections -d 'Maximum open client connections' -r
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_needs_command" -l web.max-requests -d 'Maximum scrapes in progress; 0 is no limit' -r
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_needs_command" -l log.level -d 'Log level' -r -f -a "debug\t'Each failed call, state change of an identity and connection that was reset'
info\t'Each state change of a pool, each start and stop'
warn\t'Events that need attention'
error\t'Errors that end the process'"
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_needs_command" -l log.format -d 'Log format' -r -f -a "logfmt\t'`key=value`'
json\t'A JSON object'"
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_needs_command" -l config.check -d 'Check all files, print a summary or every problem, and exit'
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_needs_command" -l web.systemd-socket -d 'Listen on the sockets that systemd passes'
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_needs_command" -l web.health-without-login -d 'Serve /-/healthy and /-/ready without a login'
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_needs_command" -l web.enable-lifecycle -d 'Let POST and PUT to /-/reload reload the configuration'
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_needs_command" -s V -l version -d 'Print version'
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_needs_command" -f -a "demo" -d 'Run with a built-in simulator of AWS: no account, no configuration'
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_needs_command" -f -a "plan" -d 'Print what polling the configuration costs, without an API call'
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_needs_command" -f -a "iam-policy" -d 'Print the minimal IAM policies and trust policies, without an API call'
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_needs_command" -f -a "list-pools" -d 'Print the id and the name of each identity pool of a region'
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_needs_command" -f -a "list-identities" -d 'Print the id of each identity of a pool, as an identity file'
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand demo" -l identities -d 'Number of simulated identities' -r
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand demo" -l pools -d 'Number of simulated pools' -r
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand demo" -l config.file -d 'The configuration file [default: config.yaml]' -r -F
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand demo" -l web.listen-address -d 'HOST:PORT, :PORT or unix:/PATH; repeatable' -r
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand demo" -l web.telemetry-path -d 'Path of the metrics' -r
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand demo" -l web.config.file -d 'The web configuration file: TLS, logins, headers, rate limit' -r -F
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand demo" -l web.max-connections -d 'Maximum open client connections' -r
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand demo" -l web.max-requests -d 'Maximum scrapes in progress; 0 is no limit' -r
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand demo" -l log.level -d 'Log level' -r -f -a "debug\t'Each failed call, state change of an identity and connection that was reset'
info\t'Each state change of a pool, each start and stop'
warn\t'Events that need attention'
error\t'Errors that end the process'"
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand demo" -l log.format -d 'Log format' -r -f -a "logfmt\t'`key=value`'
json\t'A JSON object'"
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand demo" -l faults -d 'Let one call in twenty fail, and deny one identity in a hundred'
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand demo" -l web.systemd-socket -d 'Listen on the sockets that systemd passes'
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand demo" -l web.health-without-login -d 'Serve /-/healthy and /-/ready without a login'
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand demo" -l web.enable-lifecycle -d 'Let POST and PUT to /-/reload reload the configuration'
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand demo" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand plan" -l web.listen-address -d 'HOST:PORT, :PORT or unix:/PATH; repeatable' -r
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand plan" -l web.telemetry-path -d 'Path of the metrics' -r
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand plan" -l web.config.file -d 'The web configuration file: TLS, logins, headers, rate limit' -r -F
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand plan" -l web.max-connections -d 'Maximum open client connections' -r
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand plan" -l web.max-requests -d 'Maximum scrapes in progress; 0 is no limit' -r
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand plan" -l config.file -d 'The configuration file [default: config.yaml]' -r -F
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand plan" -l log.level -d 'Log level' -r -f -a "debug\t'Each failed call, state change of an identity and connection that was reset'
info\t'Each state change of a pool, each start and stop'
warn\t'Events that need attention'
error\t'Errors that end the process'"
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand plan" -l log.format -d 'Log format' -r -f -a "logfmt\t'`key=value`'
json\t'A JSON object'"
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand plan" -l web.systemd-socket -d 'Listen on the sockets that systemd passes'
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand plan" -l web.health-without-login -d 'Serve /-/healthy and /-/ready without a login'
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand plan" -l web.enable-lifecycle -d 'Let POST and PUT to /-/reload reload the configuration'
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand plan" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand iam-policy" -l account -d 'The AWS account of pools without a role, 12 digits [default: any account]' -r
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand iam-policy" -l principal -d 'Print the document of this principal alone, as the AWS CLI takes it' -r
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand iam-policy" -l trust -d 'Print the trust policies of the roles instead: who may assume them' -r
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand iam-policy" -l web.listen-address -d 'HOST:PORT, :PORT or unix:/PATH; repeatable' -r
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand iam-policy" -l web.telemetry-path -d 'Path of the metrics' -r
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand iam-policy" -l web.config.file -d 'The web configuration file: TLS, logins, headers, rate limit' -r -F
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand iam-policy" -l web.max-connections -d 'Maximum open client connections' -r
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand iam-policy" -l web.max-requests -d 'Maximum scrapes in progress; 0 is no limit' -r
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand iam-policy" -l config.file -d 'The configuration file [default: config.yaml]' -r -F
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand iam-policy" -l log.level -d 'Log level' -r -f -a "debug\t'Each failed call, state change of an identity and connection that was reset'
info\t'Each state change of a pool, each start and stop'
warn\t'Events that need attention'
error\t'Errors that end the process'"
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand iam-policy" -l log.format -d 'Log format' -r -f -a "logfmt\t'`key=value`'
json\t'A JSON object'"
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand iam-policy" -l web.systemd-socket -d 'Listen on the sockets that systemd passes'
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand iam-policy" -l web.health-without-login -d 'Serve /-/healthy and /-/ready without a login'
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand iam-policy" -l web.enable-lifecycle -d 'Let POST and PUT to /-/reload reload the configuration'
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand iam-policy" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand list-pools" -l region -d 'The AWS region [default: that of AWS_REGION or of the profile]' -r
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand list-pools" -l profile -d 'The profile of the shared AWS configuration' -r
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand list-pools" -l role-arn -d 'The role to assume' -r
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand list-pools" -l external-id -d 'The external id that the role\'s trust policy requires' -r
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand list-pools" -l endpoint-url -d 'The endpoint of Cognito Identity, if it is not AWS\'s own' -r
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand list-pools" -l rate-limit -d 'Maximum API calls per second' -r
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand list-pools" -l output -d 'Write to a file, which appears when the list is complete' -r -F
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand list-pools" -l config.file -d 'The configuration file [default: config.yaml]' -r -F
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand list-pools" -l web.listen-address -d 'HOST:PORT, :PORT or unix:/PATH; repeatable' -r
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand list-pools" -l web.telemetry-path -d 'Path of the metrics' -r
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand list-pools" -l web.config.file -d 'The web configuration file: TLS, logins, headers, rate limit' -r -F
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand list-pools" -l web.max-connections -d 'Maximum open client connections' -r
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand list-pools" -l web.max-requests -d 'Maximum scrapes in progress; 0 is no limit' -r
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand list-pools" -l log.level -d 'Log level' -r -f -a "debug\t'Each failed call, state change of an identity and connection that was reset'
info\t'Each state change of a pool, each start and stop'
warn\t'Events that need attention'
error\t'Errors that end the process'"
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand list-pools" -l log.format -d 'Log format' -r -f -a "logfmt\t'`key=value`'
json\t'A JSON object'"
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand list-pools" -l web.systemd-socket -d 'Listen on the sockets that systemd passes'
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand list-pools" -l web.health-without-login -d 'Serve /-/healthy and /-/ready without a login'
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand list-pools" -l web.enable-lifecycle -d 'Let POST and PUT to /-/reload reload the configuration'
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand list-pools" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand list-identities" -l profile -d 'The profile of the shared AWS configuration' -r
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand list-identities" -l role-arn -d 'The role to assume' -r
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand list-identities" -l external-id -d 'The external id that the role\'s trust policy requires' -r
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand list-identities" -l endpoint-url -d 'The endpoint of Cognito Identity, if it is not AWS\'s own' -r
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand list-identities" -l rate-limit -d 'Maximum API calls per second' -r
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand list-identities" -l output -d 'Write to a file, which appears when the list is complete' -r -F
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand list-identities" -l region -d 'The AWS region, which is that of POOL_ID: it can be left out' -r
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand list-identities" -l config.file -d 'The configuration file [default: config.yaml]' -r -F
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand list-identities" -l web.listen-address -d 'HOST:PORT, :PORT or unix:/PATH; repeatable' -r
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand list-identities" -l web.telemetry-path -d 'Path of the metrics' -r
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand list-identities" -l web.config.file -d 'The web configuration file: TLS, logins, headers, rate limit' -r -F
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand list-identities" -l web.max-connections -d 'Maximum open client connections' -r
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand list-identities" -l web.max-requests -d 'Maximum scrapes in progress; 0 is no limit' -r
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand list-identities" -l log.level -d 'Log level' -r -f -a "debug\t'Each failed call, state change of an identity and connection that was reset'
info\t'Each state change of a pool, each start and stop'
warn\t'Events that need attention'
error\t'Errors that end the process'"
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand list-identities" -l log.format -d 'Log format' -r -f -a "logfmt\t'`key=value`'
json\t'A JSON object'"
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand list-identities" -l include-disabled -d 'List disabled identities too, which were merged into others'
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand list-identities" -l web.systemd-socket -d 'Listen on the sockets that systemd passes'
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand list-identities" -l web.health-without-login -d 'Serve /-/healthy and /-/ready without a login'
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand list-identities" -l web.enable-lifecycle -d 'Let POST and PUT to /-/reload reload the configuration'
complete -c cognitosync_exporter -n "__fish_cognitosync_exporter_using_subcommand list-identities" -s h -l help -d 'Print help (see more with \'--help\')'
