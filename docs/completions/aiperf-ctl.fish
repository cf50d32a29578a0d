# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_aiperf_ctl_global_optspecs
    string join \n h/help
end

function __fish_aiperf_ctl_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_aiperf_ctl_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_aiperf_ctl_using_subcommand
    set -l cmd (__fish_aiperf_ctl_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c aiperf-ctl -n "__fish_aiperf_ctl_needs_command" -s h -l help -d 'Print help'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_needs_command" -f -a "profile" -d 'Sends load to a server, measures it, and writes a report'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_needs_command" -f -a "audit" -d 'Runs any command and reports what the kernel measured of its requests'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_needs_command" -f -a "observe" -d 'Observes the requests of running processes, on the client\'s or the server\'s side. Requires root'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_needs_command" -f -a "report" -d 'Recomputes the report of a stored run, also of a run of NVIDIA AIPerf'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_needs_command" -f -a "compare" -d 'Compares runs metric by metric, also those of other benchmark tools'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_needs_command" -f -a "plot" -d 'Plots a run over its time, or compares several: PNG and SVG, also of runs of NVIDIA AIPerf'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_needs_command" -f -a "plugins" -d 'Lists plugins: those that are installed, and what is built in'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_needs_command" -f -a "config" -d 'Makes, checks and expands configuration files for `profile --config`'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_needs_command" -f -a "trace" -d 'Writes a stored run as a timeline for Perfetto or Chrome: connections, sessions, the server\'s queue, GPUs'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_needs_command" -f -a "analyze" -d 'Shows what a stored run did: its sessions over time, and the messages of its turns'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_needs_command" -f -a "analyze-trace" -d 'Analyzes a trace before it is replayed: lengths, shared prefixes, what a prefix cache could save'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_needs_command" -f -a "runs" -d 'Lists, shows, fetches, recovers and removes the runs that a daemon stores'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_needs_command" -f -a "doctor" -d 'Checks what this host supports for measurements, with the cause and the fix of each problem'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_needs_command" -f -a "install-alias" -d 'Installs an `aiperf` command next to this program, so that scripts written for NVIDIA AIPerf run unchanged'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_needs_command" -f -a "install-completion" -d 'Installs shell completion for the user'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_needs_command" -f -a "show-completion" -d 'Prints the completion script of a shell'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_needs_command" -f -a "version" -d 'Prints the version, the commit and the digest of the kernel programs'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -s m -l model -l model-names -d 'Models to request; several are used in turn. Required, here or in --config' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l model-selection-strategy -d 'How a request\'s model is chosen among several: round_robin, random or weighted (see --model-weights). [default: round_robin]' -r -f -a "round_robin\t''
random\t''
weighted\t''"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l model-weights -d 'With `--model-selection-strategy weighted`: one weight per model, such as 3,1' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -s u -l url -d 'Base URLs of the server; several are used in turn. `http://` is assumed when no scheme is given; `unix://PATH` works too' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l url-strategy -d 'How a conversation\'s URL is chosen among several' -r -f -a "round_robin\t''"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l endpoint-type -d 'The API of the server, such as chat, completions, responses or embeddings; docs/FLAGS.md lists all' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l endpoint -l custom-endpoint -d 'Path that replaces the API\'s default one, such as /v2/chat' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l request-timeout-seconds -d 'Request timeout in seconds, from submission to the end of the response' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l wait-for-model-timeout -d 'Wait up to this many seconds for the model to be ready before the run starts; 0 does not wait' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l wait-for-model-mode -d 'What counts as ready: /v1/models lists the model (models), one small request succeeds (inference), or both' -r -f -a "models\t''
inference\t''
both\t''"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l wait-for-model-interval -d 'Seconds between two readiness checks' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l cache -d 'What each run finds in the server\'s prefix cache: whatever is there (as-is), nothing (cold: it is reset or, where the server cannot, every conversation has a prefix of its own), or its own prompts (warm: they are sent once before)' -r -f -a "as-is\t'Whatever is there'
cold\t'Nothing'
warm\t'The run\'s own prompts'"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l reset-kv-cache-timeout-seconds -d 'Timeout of the reset, in seconds' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l reset-kv-cache-path -d 'Where the reset is sent: a path on each server, or a full URL. [default: /reset_prefix_cache]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l server-profiler-timeout-seconds -d 'Timeout of starting or stopping the profiler, in seconds' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l server-profiler-start-path -d 'Where the start request is sent: a path or a URL. [default: /start_profile]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l server-profiler-stop-path -d 'Where the stop request is sent: a path or a URL. [default: /stop_profile]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l api-key -d 'API key, sent as `Authorization: Bearer KEY` (`x-api-key: KEY` with messages). Never stored. Prefer the environment variable' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l transport -l transport-type -d 'Transport: HTTP/1.1, whatever the URL\'s scheme' -r -f -a "http\t''"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -s H -l header -d 'Additional request headers, as Name:Value or a JSON object. Values are never stored' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l extra-inputs -d 'Fields merged into every request\'s JSON body, overriding existing ones: key:value pairs, or a JSON object' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l connection-reuse-strategy -d 'When connections are opened: reused from a pool, one per request, or one per conversation' -r -f -a "pooled\t''
never\t''
sticky-user-sessions\t''"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l video-poll-interval -d 'For video jobs: seconds between two polls of the job\'s status' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l request-content-type -d 'Encoding of request bodies, where the API supports both. [default: the API\'s own]' -r -f -a "application/json\t''
multipart/form-data\t''"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l session-header -d 'Name of the header that identifies the conversation. [default: X-Correlation-ID]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l ca-certificate -d 'Trust the certificate authorities in this PEM file for https, in addition to the built-in ones' -r -F
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l tokenizer -d 'The tokenizer: a directory with tokenizer.json, a name in the local Hugging Face cache, `builtin` (o200k_base, no network), or `none` (the server\'s counts only). [default: builtin]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l tokenizer-revision -d 'Revision of a tokenizer in the local Hugging Face cache. [default: main]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l input-file -d 'A file with one request or conversation per line, such as {"text": "...", "output_length": 64}. Without it, prompts are generated' -r -F
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l custom-dataset-type -d 'Format of --input-file, such as single_turn, multi_turn or mooncake_trace. [default: detected from the rows]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l public-dataset -d 'Name of a public dataset, such as sharegpt. It is read from --dataset-path; nothing is downloaded' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l dataset-path -d 'Path of the local copy of --public-dataset. [default: <name>.jsonl or .json in the working directory]' -r -F
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l dataset-filter -d 'Use only rows whose field has this value: field=value; with several, all must match' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l dataset-sampling-strategy -d 'Order in which conversations are sent. [default: shuffle for random_pool, else sequential]' -r -f -a "sequential\t''
random\t''
shuffle\t''"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l trace-session-sample-ratio -d 'baseten_trace: use this fraction of the sessions, each complete' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l random-seed -d 'Random seed: the same seed gives the same prompts and due times. Default: drawn at random, and stored' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -s f -l config -d 'A configuration file in AIPerf\'s format (YAML or JSON), or the run.json of an earlier run, which is repeated; flags on the command line override it' -r -F
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l conversation-num -l num-conversations -l num-sessions -d 'Conversations to start' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l num-dataset-entries -l num-prompts -d 'Number of distinct conversations to generate, or to read from a file; requests cycle through them. [default: as many as --conversation-num or --request-count sends, up to 16384, else 100]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l conversation-turn-mean -l session-turns-mean -d 'Mean number of turns per conversation. [default: 1]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l conversation-turn-stddev -l session-turns-stddev -d 'Standard deviation of the number of turns. [default: 0]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l conversation-turn-delay-mean -l session-turn-delay-mean -d 'Mean delay between a response and the next turn, in milliseconds. [default: 0]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l conversation-turn-delay-stddev -l session-turn-delay-stddev -d 'Standard deviation of this delay, in milliseconds. [default: 0]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l conversation-turn-delay-ratio -l session-delay-ratio -d 'Multiply every delay between turns by this factor. [default: 1]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l inter-turn-delay-cap-seconds -d 'Upper limit of the delay between turns, in seconds' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l max-idle-gap-cap-seconds -d 'baseten_trace: shorten idle periods of the whole trace to at most this many seconds' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l replay-speedup -d 'baseten_trace: replay the trace this many times faster' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l prompt-input-tokens-mean -l synthetic-input-tokens-mean -l isl -d 'Mean number of input tokens. [default: 550]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l prompt-input-tokens-stddev -l synthetic-input-tokens-stddev -l isl-stddev -d 'Standard deviation of the input tokens. [default: 0]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l prompt-input-tokens-block-size -l synthetic-input-tokens-block-size -l isl-block-size -d 'Tokens that each hash id of a trace represents. [default: 512 for mooncake_trace, 16 for bailian_trace, 64 for baseten_trace]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l prompt-output-tokens-mean -l output-tokens-mean -l osl -d 'Mean number of output tokens to request; without it, the server decides' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l prompt-output-tokens-stddev -l output-tokens-stddev -l osl-stddev -d 'Standard deviation of the output tokens. [default: 0]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l seq-dist -l sequence-distribution -d 'Pairs of input and output tokens with their probability in percent: "256,128:60;1024|100,512|50:40" (|N is a standard deviation)' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l random-range-ratio -d 'Draw input and output tokens uniformly from a window around --isl and --osl: 0.1 is 90 to 110 %' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l random-corpus-style -d 'Meaning of --random-range-ratio: vllm (mean plus or minus the ratio) or sglang (from the ratio times the mean up to the mean)' -r -f -a "vllm\t''
sglang\t''"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -s b -l prompt-batch-size -l batch-size-text -l batch-size -d 'Texts in one request, for embeddings and rankings. [default: 1]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l prompt-corpus -d 'Source of prompt texts: sonnet (English), coding (source code) or random (tokens of the vocabulary). [default: sonnet]' -r -f -a "sonnet\t''
coding\t''
random\t''"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l cache-bust -d 'Prevent prefix cache hits: where to insert a marker that is unique to each conversation; with warmup_isolation_*, a marker that all warmup requests share and no others have' -r -f -a "none\t''
system_prefix\t''
system_suffix\t''
first_turn_prefix\t''
first_turn_suffix\t''
warmup_isolation_system\t''
warmup_isolation_first_turn\t''"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l system-prompt -d 'A system prompt for every conversation, before the dataset\'s own' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l system-prompt-file -d 'A file with the system prompt for every conversation' -r -F
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l prompt-prefix-pool-size -l prefix-prompt-pool-size -l num-prefix-prompts -d 'Number of distinct prefixes to generate; each prompt starts with one of them' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l prompt-prefix-length -l prefix-prompt-length -d 'Tokens per prefix' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l shared-system-prompt-length -d 'Tokens of a synthetic system prompt that all conversations share' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l user-context-prompt-length -d 'Tokens of a synthetic context with which each conversation starts, different for each' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l image-width-mean -d 'Mean width in pixels; images are sent only when at least one image flag is given. [default: 512]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l image-width-stddev -d 'Standard deviation of the width. [default: 0]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l image-height-mean -d 'Mean height in pixels. [default: 512]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l image-height-stddev -d 'Standard deviation of the height. [default: 0]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l image-batch-size -l batch-size-image -d 'Number of images per request. [default: 1]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l image-format -d 'Image format: png, jpeg or random. [default: jpeg]' -r -f -a "png\t''
jpeg\t''
random\t''"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l image-source -d 'Image content: noise, or the images of a directory, resized. [default: noise]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l image-source-sampling -d 'How images are drawn from a directory. [default: random-with-replacement]' -r -f -a "random-with-replacement\t''
shuffle-cycle\t''
sequential-cycle\t''"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l audio-batch-size -l batch-size-audio -d 'Number of audio clips per request. [default: 1]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l audio-length-mean -d 'Mean length of a clip, in seconds; without it no audio is sent' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l audio-length-stddev -d 'Standard deviation of the length, in seconds. [default: 0]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l audio-format -d 'Audio format: wav, or mp3 (encoded by the program `ffmpeg`). [default: wav]' -r -f -a "wav\t''
mp3\t''"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l audio-depths -d 'Bit depths to draw from: 8, 16, 24, 32. [default: 16]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l audio-sample-rates -d 'Sample rates to draw from, in kHz. [default: 16]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l audio-num-channels -d 'Number of channels: 1 for mono, 2 for stereo. [default: 1]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l video-batch-size -l batch-size-video -d 'Number of videos per request. [default: 1]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l video-duration -d 'Length of a video, in seconds. [default: 1]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l video-fps -d 'Frames per second. [default: 4]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l video-width -d 'Width in pixels; without it no video is sent' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l video-height -d 'Height in pixels' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l video-synth-type -d 'Video content. [default: moving_shapes]' -r -f -a "moving_shapes\t''
grid_clock\t''
noise\t''"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l video-format -d 'The container format. [default: webm]' -r -f -a "webm\t''
mp4\t''"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l video-codec -d 'The codec, by its ffmpeg name. [default: libvpx-vp9]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l video-audio-sample-rate -d 'Sample rate of the video\'s audio, in Hz or, up to 96, in kHz. [default: 44100]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l video-audio-num-channels -d 'Audio channels: 0 for no audio, 1 for mono, 2 for stereo. [default: 0]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l video-audio-codec -d 'The audio codec. [default: libopus in mp4, libvorbis in webm]' -r -f -a "libvorbis\t''
libopus\t''
aac\t''"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l video-audio-depth -d 'Bit depth of the audio. [default: 16]' -r -f -a "8\t''
16\t''
24\t''
32\t''"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l rankings-passages-mean -d 'Mean number of passages. [default: 1]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l rankings-passages-stddev -d 'Standard deviation of the number of passages. [default: 0]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l rankings-passages-prompt-token-mean -d 'Mean tokens of a passage. [default: 550]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l rankings-passages-prompt-token-stddev -d 'Standard deviation of a passage\'s tokens. [default: 0]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l rankings-query-prompt-token-mean -d 'Mean tokens of the query. [default: 550]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l rankings-query-prompt-token-stddev -d 'Standard deviation of the query\'s tokens. [default: 0]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l synthesis-speedup-ratio -d 'Divide the trace\'s timestamps by this factor. [default: 1]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l synthesis-prefix-len-multiplier -d 'Multiply the length of shared prefixes by this factor. [default: 1]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l synthesis-prefix-root-multiplier -d 'Spread requests over this many copies of the shared prefixes. [default: 1]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l synthesis-prompt-len-multiplier -d 'Multiply the length of each request\'s own, unshared part by this factor. [default: 1]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l synthesis-output-len-multiplier -d 'Multiply the requested output tokens by this factor. [default: 1]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l synthesis-max-isl -d 'Leave out requests with more input tokens than this' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l synthesis-max-osl -d 'Limit the requested output tokens to this many' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l concurrency -d 'Maximum number of concurrent conversations. Without --request-rate, each one that ends is replaced by the next. [default: 1]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l prefill-concurrency -d 'Maximum number of requests waiting for their first token; further requests are held back' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l request-rate -d 'Request rate per second. Requests are sent when due, whether or not earlier ones have completed (up to --concurrency)' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l arrival-pattern -l request-rate-mode -d 'Arrival pattern of --request-rate: constant, poisson or gamma; without a rate, concurrency_burst. [default: poisson]' -r -f -a "constant\t''
poisson\t''
gamma\t''
concurrency_burst\t''"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l arrival-smoothness -l vllm-burstiness -d 'Shape of the gamma distribution: 1 is poisson, less is burstier, more is smoother. [default: 1]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l request-rate-series -d 'A JSON file with the request rate over time, interpolated linearly between its points: {"points": [{"time_s": 0, "qps": 1}, {"time_s": 60, "qps": 20}]}' -r -F
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l request-count -l num-requests -d 'Number of requests to send. [default: 10 for generated prompts without another stop condition; for a file, as many as it has]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l benchmark-duration -d 'Duration of sending, in seconds; no request is sent afterwards' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l benchmark-grace-period -d 'Seconds to wait for requests in flight after --benchmark-duration; `inf` waits for all. [default: 30]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l concurrency-ramp-duration -d 'Seconds over which concurrency is ramped from 1 up to --concurrency' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l prefill-concurrency-ramp-duration -d 'Seconds over which it is ramped from 1 up to --prefill-concurrency' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l request-rate-ramp-duration -d 'Seconds over which the rate is ramped up to --request-rate' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l ramp-strategy -d 'Shape of the three ramps. [default: linear]' -r -f -a "linear\t''
exponential\t''
poisson\t''"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l phases -d 'Several phases instead of the load and warm-up flags, in the form of AIPerf\'s --config: a JSON list such as [{"name": "cold", "kind": "warmup", "requests": 8}, {"name": "steady", "type": "poisson", "rate": 20, "duration": 60}]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l failed-request-threshold -d 'Stop the run when more than this fraction of requests has failed: 0.1 is every tenth' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l fixed-schedule-start-offset -d 'Start the schedule at this millisecond; earlier rows are left out' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l fixed-schedule-end-offset -d 'Leave out rows after this millisecond' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l warmup-request-count -l num-warmup-requests -d 'Number of warmup requests' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l warmup-duration -d 'Duration of the warmup, in seconds' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l num-warmup-sessions -d 'Number of warmup conversations' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l warmup-concurrency -d '--concurrency of the warmup. [default: that of the run]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l warmup-prefill-concurrency -d '--prefill-concurrency of the warmup. [default: that of the run]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l warmup-request-rate -d '--request-rate of the warmup. [default: that of the run]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l warmup-arrival-pattern -d '--arrival-pattern of the warmup. [default: that of the run]' -r -f -a "constant\t''
poisson\t''
gamma\t''
concurrency_burst\t''"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l warmup-grace-period -d 'Seconds to wait for warmup requests in flight. [default: until all have completed]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l warmup-concurrency-ramp-duration -d '--concurrency-ramp-duration of the warmup. [default: that of the run]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l warmup-prefill-concurrency-ramp-duration -d '--prefill-concurrency-ramp-duration of the warmup. [default: that of the run]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l warmup-request-rate-ramp-duration -d '--request-rate-ramp-duration of the warmup. [default: that of the run]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l user-centric-rate -d 'Total request rate per second of all --num-users; each user\'s turns are evenly spaced' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l num-users -d 'Number of simulated users' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l request-cancellation-rate -d 'Percentage of requests to cancel' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l request-cancellation-delay -d 'Seconds from the end of a request\'s sending to its cancellation. [default: 0]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l timestamps -d 'Timestamp source. `auto` picks the most precise one available and reports which; naming one that is unavailable is an error' -r -f -a "auto\t'The most precise source available'
ebpf\t'Kernel probes; requires root'
so_timestamping\t'The sockets\' own software timestamps; requires no privilege'
user\t'User-space timestamps only'"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l cpus -d 'Cores for the load generator, one worker each, such as 2,4-5. Default: the daemon chooses' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l workers -l workers-max -l max-workers -d 'Number of workers, when the daemon chooses the cores' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l fail-on -d 'Exit with status 3 when the run\'s verdict is this or worse' -r -f -a "degraded\t'A degraded or invalid run'
invalid\t'An invalid run'
never\t'Never'"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l socket -d 'The daemon\'s control socket; `private` starts a daemon for this run only, as happens when none listens at the default' -r -F
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l goodput -d 'Service level objectives for goodput: limits by metric in its displayed unit, such as "time_to_first_token:200 inter_token_latency:10"' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l slice-duration -d 'Length of a time slice, in seconds; metrics are also exported per slice' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l num-profile-runs -d 'Number of runs. With two or more, the mean over runs and its confidence interval are written to aggregate/' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l profile-run-cooldown-seconds -d 'Seconds to wait between runs' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l confidence-level -d 'Confidence level of the intervals over runs' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l convergence-metric -d 'Stop early when the runs have converged on this metric; tested from the third run on' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l convergence-stat -d 'The statistic of --convergence-metric that is tested' -r -f -a "avg\t''
p50\t''
p90\t''
p95\t''
p99\t''
min\t''
max\t''"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l convergence-mode -d 'How convergence is tested' -r -f -a "ci_width\t'The width of the mean\'s confidence interval over runs, relative to the mean, is below the threshold'
cv\t'The standard deviation over runs, relative to the mean, is below the threshold'
distribution\t'The last run\'s requests follow the same distribution as all earlier ones: the Kolmogorov-Smirnov test\'s p is above the threshold'"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l convergence-threshold -d 'Convergence threshold. Default: 0.1 for ci_width, 0.05 otherwise' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l sweep-type -d 'How lists of values are combined: every combination (grid), or the first of each, then the second (zip)' -r -f -a "grid\t'Every combination of values'
zip\t'The first values together, then the second ones'"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l variant -l sweep-variant -d 'One variation of a sweep, as `[name:] flag=value, flag=value`; give it at least twice' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l parameter-sweep-mode -d 'With --num-profile-runs: all variations once, then again (repeated), or all runs of a variation, then the next (independent)' -r -f -a "repeated\t'All variations once, then again'
independent\t'All runs of a variation, then the next'"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l parameter-sweep-cooldown-seconds -d 'Seconds to wait between two variations' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l search-recipe -d 'A question with its answer\'s plan: `max-concurrency-under-sla --ttft-sla-ms 200`, or `saturation`' -r -f -a "max-throughput-ttft-sla\t'The concurrency with the most output tokens per second whose p95 of TTFT keeps --ttft-sla-ms'
max-throughput-itl-sla\t'The same with --itl-sla-ms'
concurrency-ramp\t'Where latency grows beyond --degradation-threshold'
prefill-ttft-curve\t'TTFT by prompt length, at concurrency 1'
decode-itl-curve\t'Time between tokens by concurrency and output length'
max-concurrency-under-sla\t'The greatest concurrency that keeps every limit'
pareto-sweep\t'Throughput and TTFT of --isl-osl-pairs at the values of --concurrency'
max-goodput-under-slo\t'The most requests per second of which --slo-attainment-fraction keep all three limits'
saturation\t'The concurrency from which on more requests in flight bring no more throughput. (Not in AIPerf.)'
mlperf-endpoints\t'The points of a curve as MLPerf Endpoints v1.0 wants them, up to --c-max. (Not in AIPerf.)'"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l search-space -d 'A range to search, as `path:lo,hi[:kind]`, such as phases.profiling.concurrency:1,64:int; one for each value that varies' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l search-sla -d 'A limit that a load must keep, as `tag:stat:op:threshold`, such as time_to_first_token:p95:lt:200; op is lt, le, gt or ge. In a sweep it marks variations that break it' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l search-sla-tier -d 'Limits with a border of their own, as `label:limit,limit`; 2 to 10 times, with the same runs: `fast:time_to_first_token:p95:lt:200`. The limits of --search-sla hold for all' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l search-metric -d 'The metric that is made best' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l search-stat -d 'The statistic of --search-metric' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l search-direction -d 'What best means' -r -f -a "maximize\t'More is better'
minimize\t'Less is better'"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l search-planner -d 'What chooses the next load' -r -f -a "bayesian\t'Tree-structured Parzen estimator, as AIPerf without BoTorch'
optuna\t'The same, under AIPerf\'s other name'
monotonic_sla\t'Doubles, then halves the range'
smooth_isotonic\t'The same with a fitted curve'
slo\t'Doubles, then halves, measures longer what is not sure, and confirms the answer. (Not in AIPerf.)'
saturation\t'Grows the load until throughput does not. (Not in AIPerf.)'"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l search-max-iterations -d 'Most loads to try' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l search-initial-points -d 'Loads that are spread evenly before the first one is chosen (bayesian, optuna)' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l search-random-seed -d 'The seed of what a planner draws' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l optuna-sampler -d 'The sampler that AIPerf would use: gp, tpe or botorch. Here all are one planner' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l optuna-acquisition -d 'The acquisition function that AIPerf would use' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l optuna-terminator -d 'The rule that ends AIPerf\'s search early: only none' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l bo-constraint-mode -d 'How limits change what a model prefers: penalty or eic' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l search-percentile-pooling -d 'How the percentiles of several runs of one load are combined' -r -f -a "mean\t'The mean of the runs\' percentiles'
pooled\t'The percentile of all requests together: as in AIPerf, but here the mean is used'"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l search-clock -d 'Whose time limits are judged by: the kernel\'s where it was measured, or this client\'s. Both answers are printed' -r -f -a "kernel\t'What the kernel measured, or this client\'s time where there is no kernel\'s'
client\t'What this client\'s process saw, as other benchmark clients report it'"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l stopping-scope -d 'What ends as soon as a limit is certainly missed: nothing, the run, or also the loads above it' -r -f -a "never\t'Every run has its full length'
run\t'A run that certainly misses a limit ends. [default of searches]'
sweep\t'Loads above it are not run either'"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l ttft-sla-ms -d 'Limit of time_to_first_token (p95), in ms' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l itl-sla-ms -l tpot-sla-ms -d 'Limit of inter_token_latency (p95), in ms' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l e2e-sla-ms -d 'Limit of request_latency (p99), in ms' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l error-rate-sla -d 'Limit of the share of requests that fail, between 0 and 1' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l slo-attainment-fraction -d 'The share of requests that must keep all limits (max-goodput-under-slo)' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l search-style -d 'What chooses the next load of max-concurrency-under-sla' -r -f -a "slo\t'The planner `slo`'
smooth_isotonic\t'The planner `smooth_isotonic`, AIPerf\'s default'
monotonic\t'The planner `monotonic_sla`'
bo\t'The planner `bayesian`'
optuna\t'The planner `optuna`'
grid\t'A sweep over 8 values'"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l degradation-threshold -d 'How much worse than the least load\'s the latency may be before the ramp\'s knee (concurrency-ramp)' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l degradation-metric-tag -d 'The metric whose knee is looked for' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l degradation-stat -d 'The statistic of --degradation-metric-tag' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l isl-osl-pairs -d 'Lengths of prompts and outputs, such as 128/128,512/256 (pareto-sweep)' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l isl-min -d 'Least prompt length (prefill-ttft-curve); 256 without it' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l isl-max -d 'Greatest prompt length; 32768 without it' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l isl-steps -d 'Prompt lengths from the least to the greatest; 8 without it' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l concurrency-min -d 'Least concurrency of a recipe; 1 without it' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l concurrency-max -d 'Greatest concurrency of a recipe; 1000 without it, 200 for decode-itl-curve' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l concurrency-steps -d 'Concurrencies of a recipe that is a sweep; 8 without it, 6 for decode-itl-curve' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l c-max -d 'The greatest concurrency that the server supports (mlperf-endpoints)' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l c-min -d 'The least concurrency of the curve (mlperf-endpoints); 1 without it' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l osl-min -d 'Least output length (decode-itl-curve); 64 without it' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l osl-max -d 'Greatest output length; 1024 without it' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l osl-steps -d 'Output lengths; 4 without it' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l artifact-dir -l output-artifact-dir -d 'Directory for the results. Default: artifacts/<model>-openai-<endpoint>-<load>' -r -F
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l profile-export-prefix -l profile-export-file -d 'Base name of the exported files: not a path, and not the name of another artifact such as `run`' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l export-level -l profile-export-level -d 'Export level: summary, records (also one line per request) or raw (also every response)' -r -f -a "summary\t'Only the summaries'
records\t'Also a line per request'
raw\t'Also every response'"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l ui -l ui-type -d 'Progress display: dashboard (the whole terminal), simple (a bar on a terminal, plain lines elsewhere) or none. [default: dashboard on a terminal of at least 80×24, else simple]' -r -f -a "dashboard\t'The whole terminal; where that is not possible, as `simple`, with a warning'
simple\t'A bar on a terminal, plain lines elsewhere'
none\t'No progress'"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l web -d 'Show progress on a web page too, at an address of this host [default without an address: 127.0.0.1:8050, or another port if that is used]. Elsewhere than on a loopback address the printed URL has a token' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l console -d 'Console report: summary (one screen) or full (every table). The report file has every table' -r -f -a "summary\t'One screen that ends with the verdict'
full\t'Every table'"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l otel-url -d 'Export metrics to this OpenTelemetry collector: host, host:port, a URL, or grpc://host:port' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l stream -d 'What is exported there: metrics, timing, or default for both; also spans (one per request) when listed' -r -f -a "metrics\t''
timing\t''
default\t''
none\t''
spans\t''"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l otel-resource-attributes -d 'Additional resource attributes, as key=value' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l gen-ai-provider -d 'Value of the attribute `gen_ai.provider.name`. [default: derived from the server\'s name]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l mlflow-tracking-uri -d 'Log the run to this MLflow server' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l mlflow-experiment -d 'MLflow experiment of the run' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l mlflow-run-name -d 'MLflow name of the run' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l mlflow-tag -d 'MLflow tags of the run, as key:value' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l mlflow-parent-run-id -d 'Id of the MLflow parent run' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l mlflow-artifact-glob -d 'Glob patterns of the artifacts to upload to MLflow' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l gpu-telemetry -d 'Collect GPU telemetry during the run: pynvml or amdsmi (GPUs of the daemon\'s host), URLs of DCGM exporters, or a .csv file that defines more of their metrics. [default: all sources found, if the server is on this host]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l gpu-sample-interval -d 'Sampling interval of the daemon host\'s own GPUs, in milliseconds. [default: 20]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l server-metrics -d 'Collect the server\'s Prometheus metrics during the run, from these URLs in addition to its own /metrics' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l server-metrics-formats -d 'File formats of the server metrics: json, csv, jsonl, parquet. [default: json,csv]' -r -f -a "json\t''
csv\t''
jsonl\t''
parquet\t''"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l network-latency-mean -d 'Use this network latency, in milliseconds, instead of measuring it' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l network-latency-ping-interval -d 'Interval between two measurements of the network latency, in seconds. [default: 1]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l plugin -d 'Use this plugin: the name of a component, kind.name, a class, a package, or a program by its path; with a configuration as NAME={"key": "value"}. `aiperf-ctl plugins` lists them' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l plugin-python -d 'The interpreter that plugins in Python are installed for. [default: that of $VIRTUAL_ENV, else python3]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l plugin-timeout -d 'Seconds that a call of a plugin may take. [default: 5, of a phase hook 1]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l plugin-allow -d 'Give a plugin the variables of the environment whose names speak of secrets, as NAME=secrets' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l log-level -d 'Log level of a private daemon, which logs to standard error. [default: WARNING]' -r -f -a "TRACE\t''
DEBUG\t''
INFO\t''
NOTICE\t''
WARNING\t''
SUCCESS\t''
ERROR\t''
CRITICAL\t''"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l record-processor-service-count -l record-processors -d 'No effect: one thread counts tokens' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l stats-interval -d 'No effect: progress is shown as it is received' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l streaming -d 'Request streaming responses (server-sent events)'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l reset-kv-cache -d 'Have the server reset its prefix cache before the run (POST to --reset-kv-cache-path, which also implies this flag)'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l server-profiler -d 'Run the server\'s profiler during the measured phases (POST to its start and stop paths)'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l use-legacy-max-tokens -d 'Send `max_tokens` instead of `max_completion_tokens`'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l use-server-token-count -d 'Use the token counts of the server\'s `usage` instead of counting tokens'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l per-chunk-usage -d 'Request `usage` with every chunk, so that a first chunk with several tokens is counted correctly'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l download-video-content -d 'For video jobs: also download the video, as part of the latency'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l uuid-and-strip -d 'Send an image that appeared earlier in the conversation by its uuid only (vLLM); rows need `image_uuids`'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l insecure -d 'Skip verification of the server\'s certificate. Anyone on the network path can then read and change the traffic'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l apply-chat-template -d 'Count the tokens that the tokenizer\'s chat template adds as input, and shorten prompts by as many'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l ignore-trace-delays -d 'Ignore the timestamps and delays of a trace'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l open-loop-replay -d 'baseten_trace: send requests at their recorded times, however fast the server responds (the default)'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l no-open-loop-replay -d 'baseten_trace: send a session\'s next request after the recorded pause following its last response'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l open-loop-strict -d 'baseten_trace: treat every row as a session of its own'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l omit-kv-hints -d 'baseten_trace: leave hash_ids and block_size out of the request bodies'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l force-min-tokens -d 'baseten_trace: request at least the recorded number of output tokens (the default)'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l no-force-min-tokens -d 'baseten_trace: let the server decide where its response ends'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l fixed-schedule -d 'Send requests at the timestamps of --input-file. [default: when the first row has one]'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l no-fixed-schedule -d 'Ignore the timestamps of --input-file'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l fixed-schedule-auto-offset -d 'Shift the schedule so that the first timestamp is the start of the run'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l spin -d 'Workers busy-poll instead of sleeping in the kernel: requests are sent more precisely, but their cores are fully used'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l steady-state -d 'Also report the steady state of the run, without ramp-up and drain'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l show-trace-timing -d 'Also show the stages of the HTTP exchange on the console'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l profile-run-disable-warmup-after-first -d 'Warm up before the first run only. [default]'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l no-profile-run-disable-warmup-after-first -d 'Warm up before every run'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l set-consistent-seed -d 'Use seed 42 for all of several runs when --random-seed is not given, so that they send the same requests. [default]'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l no-set-consistent-seed -d 'Use a different random seed for each run'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l parameter-sweep-same-seed -d 'Send the same random requests in every variation: a server with a prefix cache then has them from the second on'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l no-parameter-sweep-same-seed -d 'Send other random requests in each variation. [default]'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l no-sweep-table -d 'Do not print a line for each run of a sweep'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l restart -d 'Measure everything again, also what an earlier command has measured in the same directory'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l no-report-html -d 'Write no report.html, the report as one page that needs no network'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l export-outputs-json -d 'Write the texts of the responses to outputs.json'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l export-http-trace -d 'Include the stages of each request\'s HTTP exchange in profile_export.jsonl'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l auto-plot -d 'Plot the results when they are there, as `plot` does. [default with `plot` in a configuration file]'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l no-auto-plot -d 'Do not plot the results'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l plot-required -d 'Exit with status 1 if the results are not plotted'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l dry-run -d 'Check everything but the server, then exit: read the files and print the plan as JSON with every default. Nothing is written, and no socket or network is used'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l no-gpu-telemetry -d 'Do not collect GPU telemetry'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l no-server-metrics -d 'Do not collect server metrics'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l network-latency-automatic -d 'Measure the network latency and report it separately from the server\'s'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -s v -l verbose -d 'Log more: -v is --log-level DEBUG, -vv is TRACE'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l extra-verbose -d 'Same as -vv'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand audit" -l artifact-dir -l output-artifact-dir -d 'Directory for the results' -r -F
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand audit" -l client-result -d 'The command\'s own benchmark results, to compare with the kernel\'s: an artifact directory of AIPerf, the JSON of `vllm bench serve --save-result`, or GuideLLM\'s. Default: results that it leaves below the current directory and the places that its arguments name' -r -F
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand audit" -l port -d 'Observe only connections with one of these ports, local or remote; at most 16. Default: all connections' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand audit" -l snap-length -d 'Bytes captured of each network segment; the rest is skipped, and counted where it was needed' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand audit" -l tokenizer -d 'The tokenizer: a directory with tokenizer.json, `builtin` (o200k_base), or `none` to use the server\'s counts' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand audit" -l socket -d 'The daemon\'s control socket; `private` starts a daemon for this run only, as happens when none listens at the default' -r -F
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand audit" -l fail-on -d 'Exit with status 3 when the verdict is this or worse; `audit` does so only if the command itself succeeded' -r -f -a "degraded\t'A degraded or invalid run'
invalid\t'An invalid run'
never\t'Never'"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand audit" -l console -d 'Console report: summary (one screen) or full (every table). The report file has every table' -r -f -a "summary\t'One screen that ends with the verdict'
full\t'Every table'"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand audit" -l payload -d 'Store the contents of requests and responses in payloads.parquet and responses.parquet. They may contain secrets'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand audit" -l quiet -d 'Write the files, and print only what the command prints'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand audit" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand observe" -l pid -d 'Observe all processes in the cgroup of this process. For the root cgroup, --port is required' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand observe" -l cgroup -d 'Observe this cgroup, given by its path below the root of the hierarchy' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand observe" -l unit -d 'Observe the cgroup of this systemd unit' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand observe" -l side -d 'Whether the observed processes are clients or servers' -r -f -a "client\t'They send requests'
server\t'They respond to requests'"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand observe" -l duration -d 'Seconds to observe. Default: until Ctrl-C' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand observe" -l ui -l ui-type -d 'Progress display: none, dashboard (the whole terminal) or simple (a bar on a terminal, plain lines elsewhere)' -r -f -a "dashboard\t'The whole terminal; where that is not possible, as `simple`, with a warning'
simple\t'A bar on a terminal, plain lines elsewhere'
none\t'No progress'"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand observe" -l web -d 'Show progress on a web page too, at an address of this host [default without an address: 127.0.0.1:8050, or another port if that is used]. Elsewhere than on a loopback address the printed URL has a token' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand observe" -l artifact-dir -l output-artifact-dir -d 'Directory for the results' -r -F
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand observe" -l port -d 'Observe only connections with one of these ports, local or remote; at most 16. Default: all connections' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand observe" -l snap-length -d 'Bytes captured of each network segment; the rest is skipped, and counted where it was needed' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand observe" -l tokenizer -d 'The tokenizer: a directory with tokenizer.json, `builtin` (o200k_base), or `none` to use the server\'s counts' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand observe" -l socket -d 'The daemon\'s control socket; `private` starts a daemon for this run only, as happens when none listens at the default' -r -F
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand observe" -l fail-on -d 'Exit with status 3 when the verdict is this or worse; `audit` does so only if the command itself succeeded' -r -f -a "degraded\t'A degraded or invalid run'
invalid\t'An invalid run'
never\t'Never'"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand observe" -l console -d 'Console report: summary (one screen) or full (every table). The report file has every table' -r -f -a "summary\t'One screen that ends with the verdict'
full\t'Every table'"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand observe" -l socket-wait -d 'Also trace when the server reads its sockets, to report how long requests wait there. Requires Linux 6.3 with type information (BTF), and slows every socket read on the host'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand observe" -l payload -d 'Store the contents of requests and responses in payloads.parquet and responses.parquet. They may contain secrets'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand observe" -l quiet -d 'Write the files, and print only what the command prints'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand observe" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand report" -l input -d 'The run\'s artifact directory, given as a flag' -r -F
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand report" -l artifact-dir -l output-artifact-dir -d 'Directory for the exports; without it, only the console report is printed' -r -F
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand report" -l format -d 'Exports to write. Default: all that the run was configured with' -r -f -a "json\t'The summary and the slices as JSON'
csv\t'The summary and the slices as CSV'
jsonl\t'A line per request'
txt\t'The report as printed'
html\t'The report as one page'
parquet\t'The records'"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand report" -l tokenizer -d 'For a run of AIPerf, the tokenizer: a directory with tokenizer.json, or `builtin`. Default: the one the run used' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand report" -l goodput -d 'Service level objectives for goodput: limits by metric in its displayed unit, such as "time_to_first_token:200 inter_token_latency:10"' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand report" -l slice-duration -d 'Length of a time slice, in seconds; metrics are also exported per slice' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand report" -l profile-export-prefix -l profile-export-file -d 'Base name of the exported files' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand report" -l export-level -l profile-export-level -d 'Export level: summary, records (also one line per request) or raw (also every response, if the run stored them)' -r -f -a "summary\t'Only the summaries'
records\t'Also a line per request'
raw\t'Also every response'"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand report" -l console -d 'Console report: summary (one screen) or full (every table)' -r -f -a "summary\t'One screen that ends with the verdict'
full\t'Every table'"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand report" -l mlflow-tracking-uri -d 'MLflow server to use instead of the one in `mlflow_export.json`' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand report" -l mlflow-run-id -d 'MLflow run to use instead of the one in `mlflow_export.json`' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand report" -l socket -d 'The daemon\'s control socket, for a run given by id' -r -F
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand report" -l steady-state -d 'Also report the steady state of the run, without ramp-up and drain'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand report" -l show-trace-timing -d 'Also show the stages of the HTTP exchange on the console'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand report" -l mlflow-upload -d 'Upload the directory\'s files, pictures included, to the MLflow run named in its `mlflow_export.json`'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand report" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand compare" -l metric -d 'Compare only these metrics, each given as a tag or tag.stat; repeat the flag or separate them by commas' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand compare" -l fail-if -d 'Exit with status 4 if this condition holds for a run: TAG.STAT OP LIMIT, such as \'time_to_first_token.p99 > 1.05x\' (1.05 times the baseline) or \'request_latency.p99 > 250\' (in the metric\'s unit). OP is one of > >= < <=. It holds if it does at both ends of the 95 % confidence interval. For sweeps, if it does for any variation' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand compare" -l fail-if-unsure -d 'What a condition of --fail-if does that holds at one end of the interval only, or of a number without interval' -r -f -a "status\t'Exit with status 5'
pass\t'Pass'
fail\t'Fail, with status 4'
value\t'Judge the number alone, as if it were certain'"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand compare" -l relevant-shift -d 'The least shift that matters, in percent: a comparison that would not have seen it can\'t tell' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand compare" -l run-variation -d 'The standard deviation over runs of one load that is allowed for where each side has one run, in percent; 0 asks whether these runs differ, whatever the reason' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand compare" -l format -d 'The output format' -r -f -a "table\t'A table'
json\t'One JSON object'
html\t'A page with verdicts, the table, and the distributions of up to eight runs'"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand compare" -s o -l output -d 'Write it to this file, not to standard output' -r -F
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand compare" -l console -d 'How much of the table is printed: latencies, rates and failures, or every metric that the runs have in common' -r -f -a "summary\t'One screen that ends with the verdict'
full\t'Every table'"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand compare" -l tokenizer -d 'The tokenizer that counts the tokens of AIPerf\'s raw exports: a directory with tokenizer.json, or `builtin`' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand compare" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand plot" -l paths -d 'The directories, given as a flag' -r -F
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand plot" -l output -l output-dir -d 'Directory for the pictures. Default: plots in the first of the directories' -r -F
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand plot" -l config -d 'Which plots are made, and how: a plot_config.yaml of AIPerf\'s layout. Default: .aiperf-plot-config.yaml in the run\'s directory, else ~/.aiperf/plot_config.yaml, else the built-in one' -r -F
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand plot" -l theme -d 'Colors of the pictures' -r -f -a "light\t'Dark on white'
dark\t'Light on near black'"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand plot" -l format -d 'Files of each plot: pixels, vectors, both of them, or the data as JSON; repeat the flag or separate by commas' -r -f -a "png\t'Pixels'
svg\t'Vectors, with the numbers as attributes'
both\t'Both of them'
json\t'The numbers of the plot'"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand plot" -l width -d 'Width of the pixels\' picture; it is half as high' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand plot" -l mlflow-tracking-uri -d 'MLflow server to use instead of the one in `mlflow_export.json`' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand plot" -l mlflow-run-id -d 'MLflow run to use instead of the one in `mlflow_export.json`' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand plot" -l show-config -d 'Print the built-in plot_config.yaml, to be changed and given by --config, and plot nothing'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand plot" -l mlflow-upload -d 'Upload the directory\'s files, pictures included, to the MLflow run named in its `mlflow_export.json`'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand plot" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand plugins; and not __fish_seen_subcommand_from new help" -l plugin-python -d 'The interpreter that plugins in Python are installed for. [default: that of $VIRTUAL_ENV, else python3]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand plugins; and not __fish_seen_subcommand_from new help" -l all -d 'List every kind with its components, also what is built in'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand plugins; and not __fish_seen_subcommand_from new help" -l validate -d 'Check every installed plugin\'s manifest, and that its classes exist, without importing any'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand plugins; and not __fish_seen_subcommand_from new help" -s h -l help -d 'Print help'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand plugins; and not __fish_seen_subcommand_from new help" -a "new" -d 'Writes a project with one component that works, and its test'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand plugins; and not __fish_seen_subcommand_from new help" -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand plugins; and __fish_seen_subcommand_from new" -l lang -d 'The language' -r -f -a "python\t'A package with classes'
rust\t'A program'"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand plugins; and __fish_seen_subcommand_from new" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand plugins; and __fish_seen_subcommand_from help" -f -a "new" -d 'Writes a project with one component that works, and its test'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand plugins; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand config; and not __fish_seen_subcommand_from init validate expand help" -s h -l help -d 'Print help'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand config; and not __fish_seen_subcommand_from init validate expand help" -f -a "init" -d 'Prints a template, or writes it to a file; without a template, lists them'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand config; and not __fish_seen_subcommand_from init validate expand help" -f -a "validate" -d 'Checks a file, and each variation of its sweep, as `profile` does. Exit status 2 if it is not valid'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand config; and not __fish_seen_subcommand_from init validate expand help" -f -a "expand" -d 'Prints the variations of a file\'s sweep'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand config; and not __fish_seen_subcommand_from init validate expand help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand config; and __fish_seen_subcommand_from init" -s t -l template -d 'The template' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand config; and __fish_seen_subcommand_from init" -s s -l search -d 'List the templates that contain this word' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand config; and __fish_seen_subcommand_from init" -s m -l model -d 'The model\'s name in the template' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand config; and __fish_seen_subcommand_from init" -s u -l url -d 'The server\'s URL in the template' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand config; and __fish_seen_subcommand_from init" -s o -l output -d 'Write to this file, which must not exist yet' -r -F
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand config; and __fish_seen_subcommand_from init" -s l -l list -d 'List the templates'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand config; and __fish_seen_subcommand_from init" -s h -l help -d 'Print help'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand config; and __fish_seen_subcommand_from validate" -s h -l help -d 'Print help'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand config; and __fish_seen_subcommand_from expand" -s i -l index -d 'Print only this variation, counted from 0, with its configuration' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand config; and __fish_seen_subcommand_from expand" -s f -l format -d 'The form' -r -f -a "text\t'A line for each variation'
yaml\t'YAML'
json\t'JSON'"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand config; and __fish_seen_subcommand_from expand" -s F -l full -d 'Print the configuration of each variation too'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand config; and __fish_seen_subcommand_from expand" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "init" -d 'Prints a template, or writes it to a file; without a template, lists them'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "validate" -d 'Checks a file, and each variation of its sweep, as `profile` does. Exit status 2 if it is not valid'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "expand" -d 'Prints the variations of a file\'s sweep'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand trace" -s o -l output -d 'The file to write. Default: trace.pftrace or trace.json in the run\'s directory' -r -F
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand trace" -l format -d 'The viewer: perfetto (ui.perfetto.dev), or chrome (chrome://tracing, Speedscope; larger)' -r -f -a "perfetto\t'Perfetto\'s protobuf'
chrome\t'Chrome\'s trace events, as JSON'"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand trace" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand analyze; and not __fish_seen_subcommand_from swim-lane turn-messages help" -s h -l help -d 'Print help'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand analyze; and not __fish_seen_subcommand_from swim-lane turn-messages help" -f -a "swim-lane" -d 'Draws each run\'s sessions by lane over time, with the concurrency below: swim_lane.png in its directory'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand analyze; and not __fish_seen_subcommand_from swim-lane turn-messages help" -f -a "turn-messages" -d 'Writes a page of the messages that each turn sent, and of the answers: turn_messages.html in each run\'s directory. The runs need --export-level raw'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand analyze; and not __fish_seen_subcommand_from swim-lane turn-messages help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand analyze; and __fish_seen_subcommand_from swim-lane" -l run-dirs -d 'The directories, given as a flag' -r -F
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand analyze; and __fish_seen_subcommand_from swim-lane" -s o -l out -l output -d 'The picture to write, .png or .svg; of one run only. Default: swim_lane.png in the run\'s directory' -r -F
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand analyze; and __fish_seen_subcommand_from swim-lane" -s c -l concurrency -d 'The concurrency that is drawn as a line. Default: that of the run, where it is known' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand analyze; and __fish_seen_subcommand_from swim-lane" -l ramp -d 'When the ramp of the concurrency ends, in seconds. Default: as the run was configured' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand analyze; and __fish_seen_subcommand_from swim-lane" -l html -d 'Also write a page with the picture and a table of the sessions: swim_lane.html, or beside --out'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand analyze; and __fish_seen_subcommand_from swim-lane" -s h -l help -d 'Print help'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand analyze; and __fish_seen_subcommand_from turn-messages" -l run-dirs -d 'The directories, given as a flag' -r -F
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand analyze; and __fish_seen_subcommand_from turn-messages" -s o -l out -l output -d 'The page to write; of one run only. Default: turn_messages.html in the run\'s directory' -r -F
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand analyze; and __fish_seen_subcommand_from turn-messages" -s n -l limit-conversations -d 'Most sessions that are shown: those that no other session started first, then by their first request' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand analyze; and __fish_seen_subcommand_from turn-messages" -l max-turns -d 'Most turns of a session that are shown' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand analyze; and __fish_seen_subcommand_from turn-messages" -l content-cap -d 'Most characters of a message that are shown' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand analyze; and __fish_seen_subcommand_from turn-messages" -s h -l help -d 'Print help'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand analyze; and __fish_seen_subcommand_from help" -f -a "swim-lane" -d 'Draws each run\'s sessions by lane over time, with the concurrency below: swim_lane.png in its directory'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand analyze; and __fish_seen_subcommand_from help" -f -a "turn-messages" -d 'Writes a page of the messages that each turn sent, and of the answers: turn_messages.html in each run\'s directory. The runs need --export-level raw'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand analyze; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand analyze-trace" -l input-file -d 'The trace, given as a flag' -r -F
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand analyze-trace" -l block-size -d 'Tokens that each hash id represents' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand analyze-trace" -l output-file -d 'Also write the figures to this file, as JSON' -r -F
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand analyze-trace" -s h -l help -d 'Print help'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand runs; and not __fish_seen_subcommand_from list show fetch recover rm delete help" -l socket -d 'The daemon\'s control socket' -r -F
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand runs; and not __fish_seen_subcommand_from list show fetch recover rm delete help" -s h -l help -d 'Print help'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand runs; and not __fish_seen_subcommand_from list show fetch recover rm delete help" -f -a "list" -d 'Lists the runs, the oldest first; includes those left by private daemons, for which no daemon need be running'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand runs; and not __fish_seen_subcommand_from list show fetch recover rm delete help" -f -a "show" -d 'Shows the state of a run, as JSON'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand runs; and not __fish_seen_subcommand_from list show fetch recover rm delete help" -f -a "fetch" -d 'Fetches a run\'s files and writes its report'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand runs; and not __fish_seen_subcommand_from list show fetch recover rm delete help" -f -a "recover" -d 'Recovers a run from what a crashed daemon left behind'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand runs; and not __fish_seen_subcommand_from list show fetch recover rm delete help" -f -a "rm" -d 'Removes a run'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand runs; and not __fish_seen_subcommand_from list show fetch recover rm delete help" -f -a "delete" -d 'Removes a run'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand runs; and not __fish_seen_subcommand_from list show fetch recover rm delete help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand runs; and __fish_seen_subcommand_from list" -l socket -d 'The daemon\'s control socket' -r -F
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand runs; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand runs; and __fish_seen_subcommand_from show" -l socket -d 'The daemon\'s control socket' -r -F
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand runs; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand runs; and __fish_seen_subcommand_from fetch" -l artifact-dir -d 'Directory for the files and the report' -r -F
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand runs; and __fish_seen_subcommand_from fetch" -l socket -d 'The daemon\'s control socket' -r -F
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand runs; and __fish_seen_subcommand_from fetch" -s h -l help -d 'Print help'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand runs; and __fish_seen_subcommand_from recover" -l socket -d 'The daemon\'s control socket' -r -F
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand runs; and __fish_seen_subcommand_from recover" -s h -l help -d 'Print help'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand runs; and __fish_seen_subcommand_from rm" -l socket -d 'The daemon\'s control socket' -r -F
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand runs; and __fish_seen_subcommand_from rm" -s h -l help -d 'Print help'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand runs; and __fish_seen_subcommand_from delete" -l socket -d 'The daemon\'s control socket' -r -F
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand runs; and __fish_seen_subcommand_from delete" -s h -l help -d 'Print help'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand runs; and __fish_seen_subcommand_from help" -f -a "list" -d 'Lists the runs, the oldest first; includes those left by private daemons, for which no daemon need be running'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand runs; and __fish_seen_subcommand_from help" -f -a "show" -d 'Shows the state of a run, as JSON'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand runs; and __fish_seen_subcommand_from help" -f -a "fetch" -d 'Fetches a run\'s files and writes its report'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand runs; and __fish_seen_subcommand_from help" -f -a "recover" -d 'Recovers a run from what a crashed daemon left behind'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand runs; and __fish_seen_subcommand_from help" -f -a "rm" -d 'Removes a run'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand runs; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand doctor" -l require -d 'Exit with status 1 unless this check is ok; may be repeated. `--all` lists the names' -r -f -a "ebpf\t''
so_timestamping\t''
timestamps\t''
daemon\t''
capabilities\t''
cgroup_v2\t''
btf\t''
kernel\t''
io_uring\t''
container\t''
cores\t''
cpu_quota\t''
hot_core\t''
load\t''
governor\t''
idle_states\t''
steal\t''
clock_source\t''
time_namespace\t''
time_sync\t''
ports\t''
descriptors\t''
conntrack\t''
listen_queue\t''
port_reuse\t''
memory\t''
memlock\t''
disk\t''
inodes\t''
gpu\t''"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand doctor" -l concurrency -d 'Check ports, file descriptors and memory for this many connections' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand doctor" -l cpus -d 'The cores intended for the load generator, as for `profile`' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand doctor" -l artifact-dir -l output-artifact-dir -d 'The directory intended for artifacts' -r -F
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand doctor" -l socket -d 'The daemon\'s control socket' -r -F
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand doctor" -l all -d 'Show every check, not only the problems'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand doctor" -l json -d 'Print everything as JSON'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand doctor" -s h -l help -d 'Print help'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand install-alias" -l dir -d 'The directory to install it in. Default: the directory of aiperf-ctl if it is writable, else ~/.local/bin' -r -F
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand install-alias" -l force -d 'Install it even if another `aiperf` is on PATH. A file that aiperf-ctl did not create is never replaced'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand install-alias" -l remove -d 'Remove it'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand install-alias" -s h -l help -d 'Print help'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand install-completion" -l shell -d 'The shell, given as a flag' -r -f -a "bash\t'bash, with the package bash-completion'
zsh\t'zsh'
fish\t'fish'"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand install-completion" -s o -l output -d 'Write the script to this file instead of the shell\'s completion directory' -r -F
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand install-completion" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand show-completion" -l shell -d 'The shell, given as a flag' -r -f -a "bash\t'bash, with the package bash-completion'
zsh\t'zsh'
fish\t'fish'"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand show-completion" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand version" -l json -d 'Print them as JSON'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand version" -s h -l help -d 'Print help'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand help; and not __fish_seen_subcommand_from profile audit observe report compare plot plugins config trace analyze analyze-trace runs doctor install-alias install-completion show-completion version help" -f -a "profile" -d 'Sends load to a server, measures it, and writes a report'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand help; and not __fish_seen_subcommand_from profile audit observe report compare plot plugins config trace analyze analyze-trace runs doctor install-alias install-completion show-completion version help" -f -a "audit" -d 'Runs any command and reports what the kernel measured of its requests'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand help; and not __fish_seen_subcommand_from profile audit observe report compare plot plugins config trace analyze analyze-trace runs doctor install-alias install-completion show-completion version help" -f -a "observe" -d 'Observes the requests of running processes, on the client\'s or the server\'s side. Requires root'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand help; and not __fish_seen_subcommand_from profile audit observe report compare plot plugins config trace analyze analyze-trace runs doctor install-alias install-completion show-completion version help" -f -a "report" -d 'Recomputes the report of a stored run, also of a run of NVIDIA AIPerf'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand help; and not __fish_seen_subcommand_from profile audit observe report compare plot plugins config trace analyze analyze-trace runs doctor install-alias install-completion show-completion version help" -f -a "compare" -d 'Compares runs metric by metric, also those of other benchmark tools'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand help; and not __fish_seen_subcommand_from profile audit observe report compare plot plugins config trace analyze analyze-trace runs doctor install-alias install-completion show-completion version help" -f -a "plot" -d 'Plots a run over its time, or compares several: PNG and SVG, also of runs of NVIDIA AIPerf'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand help; and not __fish_seen_subcommand_from profile audit observe report compare plot plugins config trace analyze analyze-trace runs doctor install-alias install-completion show-completion version help" -f -a "plugins" -d 'Lists plugins: those that are installed, and what is built in'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand help; and not __fish_seen_subcommand_from profile audit observe report compare plot plugins config trace analyze analyze-trace runs doctor install-alias install-completion show-completion version help" -f -a "config" -d 'Makes, checks and expands configuration files for `profile --config`'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand help; and not __fish_seen_subcommand_from profile audit observe report compare plot plugins config trace analyze analyze-trace runs doctor install-alias install-completion show-completion version help" -f -a "trace" -d 'Writes a stored run as a timeline for Perfetto or Chrome: connections, sessions, the server\'s queue, GPUs'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand help; and not __fish_seen_subcommand_from profile audit observe report compare plot plugins config trace analyze analyze-trace runs doctor install-alias install-completion show-completion version help" -f -a "analyze" -d 'Shows what a stored run did: its sessions over time, and the messages of its turns'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand help; and not __fish_seen_subcommand_from profile audit observe report compare plot plugins config trace analyze analyze-trace runs doctor install-alias install-completion show-completion version help" -f -a "analyze-trace" -d 'Analyzes a trace before it is replayed: lengths, shared prefixes, what a prefix cache could save'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand help; and not __fish_seen_subcommand_from profile audit observe report compare plot plugins config trace analyze analyze-trace runs doctor install-alias install-completion show-completion version help" -f -a "runs" -d 'Lists, shows, fetches, recovers and removes the runs that a daemon stores'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand help; and not __fish_seen_subcommand_from profile audit observe report compare plot plugins config trace analyze analyze-trace runs doctor install-alias install-completion show-completion version help" -f -a "doctor" -d 'Checks what this host supports for measurements, with the cause and the fix of each problem'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand help; and not __fish_seen_subcommand_from profile audit observe report compare plot plugins config trace analyze analyze-trace runs doctor install-alias install-completion show-completion version help" -f -a "install-alias" -d 'Installs an `aiperf` command next to this program, so that scripts written for NVIDIA AIPerf run unchanged'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand help; and not __fish_seen_subcommand_from profile audit observe report compare plot plugins config trace analyze analyze-trace runs doctor install-alias install-completion show-completion version help" -f -a "install-completion" -d 'Installs shell completion for the user'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand help; and not __fish_seen_subcommand_from profile audit observe report compare plot plugins config trace analyze analyze-trace runs doctor install-alias install-completion show-completion version help" -f -a "show-completion" -d 'Prints the completion script of a shell'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand help; and not __fish_seen_subcommand_from profile audit observe report compare plot plugins config trace analyze analyze-trace runs doctor install-alias install-completion show-completion version help" -f -a "version" -d 'Prints the version, the commit and the digest of the kernel programs'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand help; and not __fish_seen_subcommand_from profile audit observe report compare plot plugins config trace analyze analyze-trace runs doctor install-alias install-completion show-completion version help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand help; and __fish_seen_subcommand_from plugins" -f -a "new" -d 'Writes a project with one component that works, and its test'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "init" -d 'Prints a template, or writes it to a file; without a template, lists them'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "validate" -d 'Checks a file, and each variation of its sweep, as `profile` does. Exit status 2 if it is not valid'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "expand" -d 'Prints the variations of a file\'s sweep'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand help; and __fish_seen_subcommand_from analyze" -f -a "swim-lane" -d 'Draws each run\'s sessions by lane over time, with the concurrency below: swim_lane.png in its directory'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand help; and __fish_seen_subcommand_from analyze" -f -a "turn-messages" -d 'Writes a page of the messages that each turn sent, and of the answers: turn_messages.html in each run\'s directory. The runs need --export-level raw'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand help; and __fish_seen_subcommand_from runs" -f -a "list" -d 'Lists the runs, the oldest first; includes those left by private daemons, for which no daemon need be running'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand help; and __fish_seen_subcommand_from runs" -f -a "show" -d 'Shows the state of a run, as JSON'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand help; and __fish_seen_subcommand_from runs" -f -a "fetch" -d 'Fetches a run\'s files and writes its report'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand help; and __fish_seen_subcommand_from runs" -f -a "recover" -d 'Recovers a run from what a crashed daemon left behind'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand help; and __fish_seen_subcommand_from runs" -f -a "rm" -d 'Removes a run'
