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
complete -c aiperf-ctl -n "__fish_aiperf_ctl_needs_command" -f -a "audit" -d 'Runs any command and reports what the kernel saw of its requests'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_needs_command" -f -a "observe" -d 'Watches the requests of processes that run already, at the client\'s or the server\'s end. Takes root'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_needs_command" -f -a "report" -d 'Computes the report of a stored run again, also of one that NVIDIA AIPerf made'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_needs_command" -f -a "compare" -d 'Compares runs, also of other tools, metric by metric'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_needs_command" -f -a "analyze-trace" -d 'Tells what a trace asks before it is replayed: lengths, what requests share, what a cache could save'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_needs_command" -f -a "runs" -d 'Lists, shows, fetches, recovers and removes the runs that a daemon keeps'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_needs_command" -f -a "doctor" -d 'Reports what this host can and can\'t do for a measurement, with the cause and the cure of each problem'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_needs_command" -f -a "install-alias" -d 'Puts a command `aiperf` beside this program, so that scripts written for NVIDIA AIPerf run unchanged'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_needs_command" -f -a "install-completion" -d 'Installs the completion of a shell for the user'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_needs_command" -f -a "show-completion" -d 'Prints the completion of a shell'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_needs_command" -f -a "version" -d 'Prints the version, the commit and the digest of the kernel programs'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -s m -l model -l model-names -d 'Models to ask for; several take turns. Required, here or in --config' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l model-selection-strategy -d 'How requests choose among several models: round_robin, random or weighted (see --model-weights). [default: round_robin]' -r -f -a "round_robin\t''
random\t''
weighted\t''"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l model-weights -d 'With `--model-selection-strategy weighted`: a weight for each model, such as 3,1' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -s u -l url -d 'Base URLs of the server; several take turns. `http://` is added where no scheme is given; `unix://PATH` works too' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l url-strategy -d 'How conversations choose among several URLs' -r -f -a "round_robin\t''"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l endpoint-type -d 'The API that is spoken, such as chat, completions, responses or embeddings; docs/FLAGS.md lists all' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l endpoint -l custom-endpoint -d 'A path that replaces the API\'s own, such as /v2/chat' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l request-timeout-seconds -d 'Seconds until a request is given up, from submission to the end of its response' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l wait-for-model-timeout -d 'Wait up to this many seconds for the model to answer before the run starts; 0 does not wait' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l wait-for-model-mode -d 'What shows that the model is there: that /v1/models lists it, that one small request succeeds, or both' -r -f -a "models\t''
inference\t''
both\t''"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l wait-for-model-interval -d 'Seconds between two looks' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l reset-kv-cache-timeout-seconds -d 'Seconds that this may take' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l reset-kv-cache-path -d 'Where to: a path of each server, or the URL of another one. [default: /reset_prefix_cache]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l server-profiler-timeout-seconds -d 'Seconds that starting or stopping it may take' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l server-profiler-start-path -d 'Where it is started: a path or a URL. [default: /start_profile]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l server-profiler-stop-path -d 'Where it is stopped: a path or a URL. [default: /stop_profile]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l api-key -d 'Sent as `Authorization: Bearer KEY` (`x-api-key: KEY` with messages). Never stored. Better given in the environment' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l transport -l transport-type -d 'How bytes travel: by HTTP/1.1, whatever the scheme' -r -f -a "http\t''"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -s H -l header -d 'More headers, as Name:Value or a JSON object. Values are never stored' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l extra-inputs -d 'Merged into every request\'s JSON, over what is there: key:value pairs, or a JSON object' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l connection-reuse-strategy -d 'When connections are opened: kept in a pool, one for each request, or one for each conversation' -r -f -a "pooled\t''
never\t''
sticky-user-sessions\t''"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l video-poll-interval -d 'For video jobs: seconds from one look whether it is done to the next' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l request-content-type -d 'How bodies are written, where an API knows both. [default: as the API wants]' -r -f -a "application/json\t''
multipart/form-data\t''"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l session-header -d 'The header that names the conversation. [default: X-Correlation-ID]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l ca-certificate -d 'Take this PEM file\'s certificates as authorities for https, beside the built-in ones' -r -F
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l tokenizer -d 'Counts tokens: a directory with tokenizer.json, the name of one in the local Hugging Face cache, `builtin` (o200k_base, no network), or `none` (the server\'s counts only). [default: builtin]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l tokenizer-revision -d 'The revision to take of a tokenizer in the local Hugging Face cache. [default: main]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l input-file -d 'A file with a request or a conversation a line, such as {"text": "...", "output_length": 64}. Without it, prompts are made up' -r -F
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l custom-dataset-type -d 'What the rows of --input-file are, such as single_turn, multi_turn or mooncake_trace. [default: seen from the rows]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l public-dataset -d 'A public dataset by its name, such as sharegpt, read from --dataset-path: nothing is downloaded' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l dataset-path -d 'Where the copy of --public-dataset is. [default: <name>.jsonl or .json in the working directory]' -r -F
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l dataset-filter -d 'Take only rows whose field has this value: field=value; several must all hold' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l dataset-sampling-strategy -d 'The order in which conversations are taken. [default: shuffle for random_pool, else sequential]' -r -f -a "sequential\t''
random\t''
shuffle\t''"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l trace-session-sample-ratio -d 'Take this share of the sessions of a baseten_trace, whole ones' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l random-seed -d 'Seed of everything that is drawn: the same seed gives the same prompts and due times. Default: drawn, and stored' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -s f -l config -d 'A YAML file in AIPerf\'s form; flags given here count more than what it says' -r -F
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l conversation-num -l num-conversations -l num-sessions -d 'Conversations to start' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l num-dataset-entries -l num-prompts -d 'Different conversations to make up, or to take of a file; requests take them in turn. [default: as many as are sent by --conversation-num or --request-count, up to 16384, else 100]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l conversation-turn-mean -l session-turns-mean -d 'Mean number of turns. [default: 1]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l conversation-turn-stddev -l session-turns-stddev -d 'Its standard deviation. [default: 0]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l conversation-turn-delay-mean -l session-turn-delay-mean -d 'Mean milliseconds between an answer and the next turn. [default: 0]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l conversation-turn-delay-stddev -l session-turn-delay-stddev -d 'Its standard deviation. [default: 0]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l conversation-turn-delay-ratio -l session-delay-ratio -d 'Multiplies every delay between turns. [default: 1]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l inter-turn-delay-cap-seconds -d 'Longest delay between turns, in seconds' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l max-idle-gap-cap-seconds -d 'baseten_trace: make pauses of the whole trace at most this long, in seconds' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l replay-speedup -d 'baseten_trace: replay this many times as fast' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l prompt-input-tokens-mean -l synthetic-input-tokens-mean -l isl -d 'Mean input tokens. [default: 550]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l prompt-input-tokens-stddev -l synthetic-input-tokens-stddev -l isl-stddev -d 'Their standard deviation. [default: 0]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l prompt-input-tokens-block-size -l synthetic-input-tokens-block-size -l isl-block-size -d 'Tokens that one hash id of a trace stands for. [default: 512 for mooncake_trace, 16 for bailian_trace, 64 for baseten_trace]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l prompt-output-tokens-mean -l output-tokens-mean -l osl -d 'Mean output tokens to ask for; without it the server decides' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l prompt-output-tokens-stddev -l output-tokens-stddev -l osl-stddev -d 'Their standard deviation. [default: 0]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l seq-dist -l sequence-distribution -d 'Pairs of input and output tokens with their shares in percent: "256,128:60;1024|100,512|50:40" (|N is a standard deviation)' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l random-range-ratio -d 'Draw input and output tokens evenly from a window around --isl and --osl: 0.1 is 90 to 110 %' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l random-corpus-style -d 'How --random-range-ratio is understood: vllm (mean plus or minus the share) or sglang (from the share to the mean)' -r -f -a "vllm\t''
sglang\t''"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -s b -l prompt-batch-size -l batch-size-text -l batch-size -d 'Texts in one request, for embeddings and rankings. [default: 1]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l prompt-corpus -d 'What prompts are made of: sonnet (English), coding (source code) or random (tokens of the vocabulary). [default: sonnet]' -r -f -a "sonnet\t''
coding\t''
random\t''"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l cache-bust -d 'Keep the server from finding a prompt in its prefix cache: where a marker goes that no other conversation has; with warmup_isolation_* one that all requests of a warm-up have, and no others' -r -f -a "none\t''
system_prefix\t''
system_suffix\t''
first_turn_prefix\t''
first_turn_suffix\t''
warmup_isolation_system\t''
warmup_isolation_first_turn\t''"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l system-prompt -d 'A system prompt for every conversation, before the dataset\'s own' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l system-prompt-file -d 'The same from a file' -r -F
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l prompt-prefix-pool-size -l prefix-prompt-pool-size -l num-prefix-prompts -d 'Different prefixes to make up; each prompt begins with one of them' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l prompt-prefix-length -l prefix-prompt-length -d 'Tokens of a prefix' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l shared-system-prompt-length -d 'Tokens of a made-up system prompt that all conversations share' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l user-context-prompt-length -d 'Tokens of a made-up context with which each conversation begins, each its own' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l image-width-mean -d 'Mean width in pixels; where nothing says how pictures look, there are none. [default: 512]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l image-width-stddev -d 'Its standard deviation. [default: 0]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l image-height-mean -d 'Mean height in pixels. [default: 512]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l image-height-stddev -d 'Its standard deviation. [default: 0]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l image-batch-size -l batch-size-image -d 'Pictures in one request. [default: 1]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l image-format -d 'How they are encoded: png, jpeg or random. [default: jpeg]' -r -f -a "png\t''
jpeg\t''
random\t''"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l image-source -d 'What they show: noise, or the pictures of a directory, resized. [default: noise]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l image-source-sampling -d 'How pictures of a directory are taken. [default: random-with-replacement]' -r -f -a "random-with-replacement\t''
shuffle-cycle\t''
sequential-cycle\t''"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l audio-batch-size -l batch-size-audio -d 'Sounds in one request. [default: 1]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l audio-length-mean -d 'Mean seconds of a sound; without it there is none' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l audio-length-stddev -d 'Its standard deviation. [default: 0]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l audio-format -d 'How it is encoded: wav, or mp3 by the program `ffmpeg`. [default: wav]' -r -f -a "wav\t''
mp3\t''"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l audio-depths -d 'Bits of a sample, drawn from these: 8, 16, 24, 32. [default: 16]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l audio-sample-rates -d 'Sample rates in kHz, drawn from these. [default: 16]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l audio-num-channels -d '1 for mono, 2 for stereo. [default: 1]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l video-batch-size -l batch-size-video -d 'Videos in one request. [default: 1]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l video-duration -d 'Seconds of a video. [default: 1]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l video-fps -d 'Frames per second. [default: 4]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l video-width -d 'Width in pixels; without it there is no video' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l video-height -d 'Height in pixels' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l video-synth-type -d 'What they show. [default: moving_shapes]' -r -f -a "moving_shapes\t''
grid_clock\t''
noise\t''"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l video-format -d 'The container. [default: webm]' -r -f -a "webm\t''
mp4\t''"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l video-codec -d 'The codec, by its name in ffmpeg. [default: libvpx-vp9]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l video-audio-sample-rate -d 'Sample rate of the sound, in Hz or, up to 96, in kHz. [default: 44100]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l video-audio-num-channels -d '0 for no sound, 1 for mono, 2 for stereo. [default: 0]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l video-audio-codec -d 'The sound\'s codec. [default: libopus in mp4, libvorbis in webm]' -r -f -a "libvorbis\t''
libopus\t''
aac\t''"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l video-audio-depth -d 'Bits of a sample. [default: 16]' -r -f -a "8\t''
16\t''
24\t''
32\t''"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l rankings-passages-mean -d 'Mean number of passages. [default: 1]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l rankings-passages-stddev -d 'Its standard deviation. [default: 0]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l rankings-passages-prompt-token-mean -d 'Mean tokens of a passage. [default: 550]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l rankings-passages-prompt-token-stddev -d 'Its standard deviation. [default: 0]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l rankings-query-prompt-token-mean -d 'Mean tokens of the query. [default: 550]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l rankings-query-prompt-token-stddev -d 'Its standard deviation. [default: 0]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l synthesis-speedup-ratio -d 'Divides the trace\'s timestamps. [default: 1]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l synthesis-prefix-len-multiplier -d 'Multiplies the length of the prefixes that requests share. [default: 1]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l synthesis-prefix-root-multiplier -d 'Spreads requests over so many copies of the shared prefixes. [default: 1]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l synthesis-prompt-len-multiplier -d 'Multiplies the length of what is each request\'s own. [default: 1]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l synthesis-output-len-multiplier -d 'Multiplies the output tokens that are asked for. [default: 1]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l synthesis-max-isl -d 'Leaves out requests with more input tokens' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l synthesis-max-osl -d 'Asks for no more output tokens than this' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l concurrency -d 'Most conversations under way. Without --request-rate one is due as soon as another has ended. [default: 1]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l prefill-concurrency -d 'Most requests that wait for their first token; more wait until one has it' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l request-rate -d 'Requests per second, sent when they are due whether others have ended or not (up to --concurrency)' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l arrival-pattern -l request-rate-mode -d 'How due times are spread with --request-rate: constant, poisson or gamma; concurrency_burst without one. [default: poisson]' -r -f -a "constant\t''
poisson\t''
gamma\t''
concurrency_burst\t''"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l arrival-smoothness -l vllm-burstiness -d 'Shape of the gamma distribution: 1 is poisson, less is burstier, more is smoother. [default: 1]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l request-rate-series -d 'A JSON file with the rate over time, straight lines between its points: {"points": [{"time_s": 0, "qps": 1}, {"time_s": 60, "qps": 20}]}' -r -F
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l request-count -l num-requests -d 'Requests to send. [default of made-up prompts, where nothing else ends the run: 10; of a file: as many as it has]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l benchmark-duration -d 'Seconds after which no request is sent any more' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l benchmark-grace-period -d 'Seconds to wait for requests in flight after --benchmark-duration; `inf` waits for all. [default: 30]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l concurrency-ramp-duration -d 'Seconds in which --concurrency is reached, from 1' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l prefill-concurrency-ramp-duration -d 'Seconds in which --prefill-concurrency is reached, from 1' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l request-rate-ramp-duration -d 'Seconds in which --request-rate is reached' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l ramp-strategy -d 'How the three grow. [default: linear]' -r -f -a "linear\t''
exponential\t''
poisson\t''"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l phases -d 'Several phases instead of the flags of load and warm-up, as AIPerf\'s --config has them: a JSON list such as [{"name": "cold", "kind": "warmup", "requests": 8}, {"name": "steady", "type": "poisson", "rate": 20, "duration": 60}]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l failed-request-threshold -d 'Stop when more than this share of requests has failed: 0.1 is every tenth' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l fixed-schedule-start-offset -d 'Leave out rows before this millisecond, and begin there' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l fixed-schedule-end-offset -d 'Leave out rows after this millisecond' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l warmup-request-count -l num-warmup-requests -d 'Requests to send first' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l warmup-duration -d 'Seconds to send first' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l num-warmup-sessions -d 'Conversations to have first' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l warmup-concurrency -d 'As --concurrency, for the warmup. [default: the same]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l warmup-prefill-concurrency -d 'As --prefill-concurrency, for the warmup. [default: the same]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l warmup-request-rate -d 'As --request-rate, for the warmup. [default: the same]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l warmup-arrival-pattern -d 'As --arrival-pattern, for the warmup. [default: the same]' -r -f -a "constant\t''
poisson\t''
gamma\t''
concurrency_burst\t''"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l warmup-grace-period -d 'Seconds to wait for the warmup\'s requests in flight. [default: until they have ended]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l warmup-concurrency-ramp-duration -d 'As --concurrency-ramp-duration, for the warmup. [default: the same]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l warmup-prefill-concurrency-ramp-duration -d 'As --prefill-concurrency-ramp-duration, for the warmup. [default: the same]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l warmup-request-rate-ramp-duration -d 'As --request-rate-ramp-duration, for the warmup. [default: the same]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l user-centric-rate -d 'Requests per second of all --num-users together; each user\'s turns are evenly spaced' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l num-users -d 'Users' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l request-cancellation-rate -d 'Percent of requests to cancel' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l request-cancellation-delay -d 'Seconds from the end of a request\'s sending to its cancellation. [default: 0]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l timestamps -d 'Where stamps come from. `auto` takes the best that is to be had and says which; a named one that is not is an error' -r -f -a "auto\t'The best that is to be had'
ebpf\t'Kernel probes; takes root'
so_timestamping\t'The sockets\' own software stamps; takes no privilege'
user\t'Only user-space stamps'"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l cpus -d 'Cores for the load generator, one worker each, such as 2,4-5. Default: the daemon chooses' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l workers -l workers-max -l max-workers -d 'Workers, when the daemon chooses the cores' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l fail-on -d 'Exit with status 3 when the run\'s verdict is this or worse' -r -f -a "degraded\t'A run that is not valid'
invalid\t'A run that is invalid'
never\t'No run'"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l socket -d 'The daemon\'s control socket; `private` starts a daemon for this run alone, as happens when none listens at the default' -r -F
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l goodput -d 'What makes a request a good one: limits by metric in its shown unit, such as "time_to_first_token:200 inter_token_latency:10"' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l slice-duration -d 'Seconds of a time slice: the metrics of each slice are exported too' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l num-profile-runs -d 'How often to run. From two on, the mean over runs is written with its confidence interval to aggregate/' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l profile-run-cooldown-seconds -d 'Seconds to wait between runs' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l confidence-level -d 'The confidence of the intervals over runs' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l convergence-metric -d 'Stop before that when runs agree on this metric, from the third run on' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l convergence-stat -d 'The statistic of the metric on which runs are to agree' -r -f -a "avg\t''
p50\t''
p90\t''
p95\t''
p99\t''
min\t''
max\t''"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l convergence-mode -d 'What agreeing means' -r -f -a "ci_width\t'The width of the mean\'s confidence interval over runs, divided by the mean, is below the threshold'
cv\t'The deviation over runs, divided by the mean, is below the threshold'
distribution\t'The last run\'s requests could be of the same distribution as all before: Smirnov\'s test has p above it'"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l convergence-threshold -d 'How well runs are to agree. Default: 0.1 for ci_width, 0.05 otherwise' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l artifact-dir -l output-artifact-dir -d 'Where results go. Default: artifacts/<model>-openai-<endpoint>-<load>' -r -F
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l profile-export-prefix -l profile-export-file -d 'A base name for the exported files: a name, not a path, and not that of another file such as `run`' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l export-level -l profile-export-level -d 'How much is exported: summary, records (a line per request too) or raw (every response too)' -r -f -a "summary\t'Only the summaries'
records\t'A line per request too'
raw\t'Every response too'"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l ui -l ui-type -d 'Progress: simple (a bar on a terminal, plain lines elsewhere) or none' -r -f -a "simple\t'A bar on a terminal, plain lines elsewhere'
none\t'Nothing'"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l console -d 'How much of the report is printed: one screen, or every table. The file has every table' -r -f -a "summary\t'One screen that ends with the verdict'
full\t'Every table'"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l otel-url -d 'Send metrics to this OpenTelemetry collector: host, host:port, a URL, or grpc://host:port' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l stream -d 'What is sent there: metrics, timing, or default for both; spans, one for each request, if they are named' -r -f -a "metrics\t''
timing\t''
default\t''
none\t''
spans\t''"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l otel-resource-attributes -d 'More resource attributes, as key=value' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l gen-ai-provider -d 'The attribute `gen_ai.provider.name`. [default: from the server\'s name]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l mlflow-tracking-uri -d 'Log the run to this MLflow server' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l mlflow-experiment -d 'Its experiment there' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l mlflow-run-name -d 'Its name there' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l mlflow-tag -d 'Its tags, as key:value' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l mlflow-parent-run-id -d 'The run of which it is a part' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l mlflow-artifact-glob -d 'Which files are uploaded' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l gpu-telemetry -d 'Read the GPUs meanwhile: pynvml or amdsmi (those of the daemon\'s host), URLs of DCGM exporters, or a .csv file with more of their metrics. [default: all that is found, if the server is on this host]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l gpu-sample-interval -d 'Milliseconds from one reading of the daemon\'s own GPUs to the next. [default: 20]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l server-metrics -d 'Read the server\'s Prometheus metrics meanwhile, from these URLs beside its own /metrics' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l server-metrics-formats -d 'Files that they are written to: json, csv, jsonl, parquet. [default: json,csv]' -r -f -a "json\t''
csv\t''
jsonl\t''
parquet\t''"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l network-latency-mean -d 'Take this many milliseconds as the network\'s latency' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l network-latency-ping-interval -d 'Seconds between two measurements of it. [default: 1]' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l log-level -d 'How much a private daemon logs to standard error. [default: WARNING]' -r -f -a "TRACE\t''
DEBUG\t''
INFO\t''
NOTICE\t''
WARNING\t''
SUCCESS\t''
ERROR\t''
CRITICAL\t''"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l record-processor-service-count -l record-processors -d 'No effect: one thread counts tokens, beside the daemon\'s' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l stats-interval -d 'No effect: progress shows as it comes' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l streaming -d 'Ask for the answer as a stream of server-sent events'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l reset-kv-cache -d 'Ask the server to forget its prefix cache before the run (POST to --reset-kv-cache-path, which asks for it too)'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l server-profiler -d 'Have the server\'s profiler run during the measured phases (POST to its start and stop paths)'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l use-legacy-max-tokens -d 'Send `max_tokens` instead of `max_completion_tokens`'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l use-server-token-count -d 'Take token counts from the server\'s `usage` instead of counting'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l per-chunk-usage -d 'Ask for a running `usage` with every chunk, so that a first chunk of several tokens is counted as such'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l download-video-content -d 'For video jobs: fetch the video too, as part of the latency'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l uuid-and-strip -d 'Send a picture that a conversation has shown before as its uuid only (vLLM); rows need `image_uuids`'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l insecure -d 'Do not check the server\'s certificate. Anyone between here and there can read and change what is sent'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l apply-chat-template -d 'Count what the tokenizer\'s chat template adds as input, and make prompts that much shorter'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l ignore-trace-delays -d 'Leave out the timestamps and delays of a trace'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l open-loop-replay -d 'baseten_trace: send at the recorded times, whatever the server does (the default)'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l no-open-loop-replay -d 'baseten_trace: send a session\'s next request the recorded pause after its last answer'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l open-loop-strict -d 'baseten_trace: every row is a session of its own'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l omit-kv-hints -d 'baseten_trace: leave hash_ids and block_size out of the bodies'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l force-min-tokens -d 'baseten_trace: ask for at least the recorded number of output tokens (the default)'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l no-force-min-tokens -d 'baseten_trace: let the server end its answer when it wants'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l fixed-schedule -d 'Send at the timestamps of --input-file. [default: where the first row has one]'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l no-fixed-schedule -d 'Do not, although the rows have timestamps'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l fixed-schedule-auto-offset -d 'Let the first timestamp be the run\'s begin'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l spin -d 'Let workers ask again and again instead of waiting in the kernel: more precise sending, no core left for others'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l steady-state -d 'Take the results of the steady part of the run too, without start-up and drain'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l show-trace-timing -d 'Show the stages of the HTTP exchange on the console too'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l profile-run-disable-warmup-after-first -d 'Warm up before the first run only. [default]'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l no-profile-run-disable-warmup-after-first -d 'Warm up before every run'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l set-consistent-seed -d 'Take 42 where several runs have no --random-seed, so that all send the same. [default]'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l no-set-consistent-seed -d 'Draw a seed for each run'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l export-outputs-json -d 'Write the texts of the answers to outputs.json'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l export-http-trace -d 'Write the stages of each request\'s HTTP exchange to its line in profile_export.jsonl'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l dry-run -d 'Check everything but the server: read the files, print the plan as JSON with every default, and end. Nothing is written, and no socket or network is touched'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l no-gpu-telemetry -d 'Do not'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l no-server-metrics -d 'Do not'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l network-latency-automatic -d 'Measure the network\'s latency and tell it from the server\'s'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -s v -l verbose -d 'Log more: -v as --log-level DEBUG, -vv as TRACE'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -l extra-verbose -d 'As -vv'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand profile" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand audit" -l artifact-dir -l output-artifact-dir -d 'Where results go' -r -F
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand audit" -l client-result -d 'What the command wrote of its own measurement, to set beside the kernel\'s: an artifact directory of AIPerf, the JSON of `vllm bench serve --save-result`, or GuideLLM\'s. Default: what it leaves below the current directory and the places that its arguments name' -r -F
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand audit" -l port -d 'Watch only connections with one of these ports, local or remote; at most 16. Default: all connections' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand audit" -l snap-length -d 'Bytes that are captured of each network segment; what lies beyond is passed over, and counted where it mattered' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand audit" -l tokenizer -d 'What counts tokens: a directory with tokenizer.json, `builtin` (o200k_base), or `none` to take the server\'s counts' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand audit" -l socket -d 'The daemon\'s control socket; `private` starts a daemon for this run alone, as happens when none listens at the default' -r -F
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand audit" -l fail-on -d 'Exit with status 3 when the verdict is this or worse; `audit` does so where the command itself succeeded' -r -f -a "degraded\t'A run that is not valid'
invalid\t'A run that is invalid'
never\t'No run'"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand audit" -l console -d 'How much of the report is printed: one screen, or every table. The file has every table' -r -f -a "summary\t'One screen that ends with the verdict'
full\t'Every table'"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand audit" -l payload -d 'Store what requests and responses say, in payloads.parquet and responses.parquet. They may hold secrets'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand audit" -l quiet -d 'Write the files and print nothing but what the command prints'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand audit" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand observe" -l pid -d 'Watch the cgroup that this process is in: all processes there count. In the root cgroup that takes --port' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand observe" -l cgroup -d 'Watch this cgroup, by its path below the hierarchy\'s root' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand observe" -l unit -d 'Watch the cgroup of this systemd unit' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand observe" -l side -d 'Which end of the connections the processes are' -r -f -a "client\t'They ask'
server\t'They answer'"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand observe" -l duration -d 'Seconds to watch. Default: until Ctrl-C' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand observe" -l artifact-dir -l output-artifact-dir -d 'Where results go' -r -F
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand observe" -l port -d 'Watch only connections with one of these ports, local or remote; at most 16. Default: all connections' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand observe" -l snap-length -d 'Bytes that are captured of each network segment; what lies beyond is passed over, and counted where it mattered' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand observe" -l tokenizer -d 'What counts tokens: a directory with tokenizer.json, `builtin` (o200k_base), or `none` to take the server\'s counts' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand observe" -l socket -d 'The daemon\'s control socket; `private` starts a daemon for this run alone, as happens when none listens at the default' -r -F
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand observe" -l fail-on -d 'Exit with status 3 when the verdict is this or worse; `audit` does so where the command itself succeeded' -r -f -a "degraded\t'A run that is not valid'
invalid\t'A run that is invalid'
never\t'No run'"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand observe" -l console -d 'How much of the report is printed: one screen, or every table. The file has every table' -r -f -a "summary\t'One screen that ends with the verdict'
full\t'Every table'"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand observe" -l socket-wait -d 'Watch too when the server reads its sockets, so that the time which a request waits there is told apart. Needs Linux 6.3 and its type information, and costs at each read of any socket on the host'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand observe" -l payload -d 'Store what requests and responses say, in payloads.parquet and responses.parquet. They may hold secrets'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand observe" -l quiet -d 'Write the files and print nothing but what the command prints'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand observe" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand report" -l input -d 'The same as a flag: the directory of a run of ours or of NVIDIA AIPerf' -r -F
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand report" -l artifact-dir -l output-artifact-dir -d 'Where to write the exports; without it only the console report is printed' -r -F
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand report" -l format -d 'Which exports to write. Default: all that the run wants' -r -f -a "json\t'The summary and the slices as JSON'
csv\t'The summary and the slices as CSV'
jsonl\t'A line per request'
txt\t'The report as printed'
parquet\t'The records'"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand report" -l tokenizer -d 'For a run of AIPerf, what counts tokens: a directory with tokenizer.json, or `builtin`. Default: what it used' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand report" -l goodput -d 'What makes a request a good one: limits by metric in its shown unit, such as "time_to_first_token:200 inter_token_latency:10"' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand report" -l slice-duration -d 'Seconds of a time slice: the metrics of each slice are exported too' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand report" -l profile-export-prefix -l profile-export-file -d 'A base name for the exported files' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand report" -l export-level -l profile-export-level -d 'How much is exported: summary, records (a line per request too) or raw (every response too, if the run has them)' -r -f -a "summary\t'Only the summaries'
records\t'A line per request too'
raw\t'Every response too'"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand report" -l console -d 'How much of the report is printed: one screen, or every table' -r -f -a "summary\t'One screen that ends with the verdict'
full\t'Every table'"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand report" -l mlflow-tracking-uri -d 'Another MLflow server than it names' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand report" -l mlflow-run-id -d 'Another run in MLflow than it names' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand report" -l socket -d 'The daemon\'s control socket, for a run given by id' -r -F
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand report" -l steady-state -d 'Take the results of the steady part of the run too, without start-up and drain'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand report" -l show-trace-timing -d 'Show the stages of the HTTP exchange on the console too'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand report" -l mlflow-upload -d 'Upload the directory\'s files, plots too, to the run in MLflow that its `mlflow_export.json` names'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand report" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand compare" -l metric -d 'Only these metrics, each a tag or tag.stat; several times, or with commas' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand compare" -l fail-if -d 'Exit with status 4 if this holds of a run: TAG.STAT OP LIMIT, such as \'time_to_first_token.p99 > 1.05x\' (times the baseline) or \'request_latency.p99 > 250\' (in the metric\'s unit). OP is one of > >= < <=' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand compare" -l format -d 'How the comparison is printed' -r -f -a "table\t'A table'
json\t'One JSON object'"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand compare" -l console -d 'How much of the table is printed: latencies, rates and failures, or everything that runs have in common' -r -f -a "summary\t'One screen that ends with the verdict'
full\t'Every table'"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand compare" -l tokenizer -d 'For raw exports of AIPerf, what counts tokens: a directory with tokenizer.json, or `builtin`' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand compare" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand analyze-trace" -l input-file -d 'The same, by name' -r -F
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand analyze-trace" -l block-size -d 'Tokens that a hash id stands for' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand analyze-trace" -l output-file -d 'Write the figures to this file too, as JSON' -r -F
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand analyze-trace" -s h -l help -d 'Print help'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand runs; and not __fish_seen_subcommand_from list show fetch recover rm delete help" -l socket -d 'The daemon\'s control socket' -r -F
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand runs; and not __fish_seen_subcommand_from list show fetch recover rm delete help" -s h -l help -d 'Print help'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand runs; and not __fish_seen_subcommand_from list show fetch recover rm delete help" -f -a "list" -d 'Lists them, the oldest first; also those that private daemons left, for which no daemon need run'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand runs; and not __fish_seen_subcommand_from list show fetch recover rm delete help" -f -a "show" -d 'Shows where one stands, as JSON'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand runs; and not __fish_seen_subcommand_from list show fetch recover rm delete help" -f -a "fetch" -d 'Fetches its files and writes its report'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand runs; and not __fish_seen_subcommand_from list show fetch recover rm delete help" -f -a "recover" -d 'Makes a run of what a daemon that died left behind'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand runs; and not __fish_seen_subcommand_from list show fetch recover rm delete help" -f -a "rm" -d 'Removes it'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand runs; and not __fish_seen_subcommand_from list show fetch recover rm delete help" -f -a "delete" -d 'Removes it'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand runs; and not __fish_seen_subcommand_from list show fetch recover rm delete help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand runs; and __fish_seen_subcommand_from list" -l socket -d 'The daemon\'s control socket' -r -F
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand runs; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand runs; and __fish_seen_subcommand_from show" -l socket -d 'The daemon\'s control socket' -r -F
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand runs; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand runs; and __fish_seen_subcommand_from fetch" -l artifact-dir -d 'Where to' -r -F
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand runs; and __fish_seen_subcommand_from fetch" -l socket -d 'The daemon\'s control socket' -r -F
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand runs; and __fish_seen_subcommand_from fetch" -s h -l help -d 'Print help'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand runs; and __fish_seen_subcommand_from recover" -l socket -d 'The daemon\'s control socket' -r -F
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand runs; and __fish_seen_subcommand_from recover" -s h -l help -d 'Print help'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand runs; and __fish_seen_subcommand_from rm" -l socket -d 'The daemon\'s control socket' -r -F
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand runs; and __fish_seen_subcommand_from rm" -s h -l help -d 'Print help'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand runs; and __fish_seen_subcommand_from delete" -l socket -d 'The daemon\'s control socket' -r -F
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand runs; and __fish_seen_subcommand_from delete" -s h -l help -d 'Print help'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand runs; and __fish_seen_subcommand_from help" -f -a "list" -d 'Lists them, the oldest first; also those that private daemons left, for which no daemon need run'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand runs; and __fish_seen_subcommand_from help" -f -a "show" -d 'Shows where one stands, as JSON'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand runs; and __fish_seen_subcommand_from help" -f -a "fetch" -d 'Fetches its files and writes its report'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand runs; and __fish_seen_subcommand_from help" -f -a "recover" -d 'Makes a run of what a daemon that died left behind'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand runs; and __fish_seen_subcommand_from help" -f -a "rm" -d 'Removes it'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand runs; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand doctor" -l require -d 'Exit with status 1 unless this check is ok; may be given several times. `--all` shows the names' -r -f -a "ebpf\t''
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
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand doctor" -l concurrency -d 'Check ports, descriptors and memory for so many connections' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand doctor" -l cpus -d 'The cores that the load generator is to have, as for `profile`' -r
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand doctor" -l artifact-dir -l output-artifact-dir -d 'Where artifacts are to be written' -r -F
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand doctor" -l socket -d 'The daemon\'s control socket' -r -F
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand doctor" -l all -d 'Show every check, not only the problems'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand doctor" -l json -d 'Print everything as JSON'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand doctor" -s h -l help -d 'Print help'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand install-alias" -l dir -d 'The folder to put it into. Default: that of aiperf-ctl if it can be written to, else ~/.local/bin' -r -F
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand install-alias" -l force -d 'Install it although there is another `aiperf` on PATH. Files that are not ours are never replaced'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand install-alias" -l remove -d 'Remove it'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand install-alias" -s h -l help -d 'Print help'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand install-completion" -l shell -d 'The same, as a flag' -r -f -a "bash\t'bash, with the package bash-completion'
zsh\t'zsh'
fish\t'fish'"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand install-completion" -s o -l output -d 'Write the script to this file instead of the shell\'s folder' -r -F
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand install-completion" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand show-completion" -l shell -d 'The same, as a flag' -r -f -a "bash\t'bash, with the package bash-completion'
zsh\t'zsh'
fish\t'fish'"
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand show-completion" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand version" -l json -d 'Print them as JSON'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand version" -s h -l help -d 'Print help'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand help; and not __fish_seen_subcommand_from profile audit observe report compare analyze-trace runs doctor install-alias install-completion show-completion version help" -f -a "profile" -d 'Sends load to a server, measures it, and writes a report'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand help; and not __fish_seen_subcommand_from profile audit observe report compare analyze-trace runs doctor install-alias install-completion show-completion version help" -f -a "audit" -d 'Runs any command and reports what the kernel saw of its requests'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand help; and not __fish_seen_subcommand_from profile audit observe report compare analyze-trace runs doctor install-alias install-completion show-completion version help" -f -a "observe" -d 'Watches the requests of processes that run already, at the client\'s or the server\'s end. Takes root'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand help; and not __fish_seen_subcommand_from profile audit observe report compare analyze-trace runs doctor install-alias install-completion show-completion version help" -f -a "report" -d 'Computes the report of a stored run again, also of one that NVIDIA AIPerf made'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand help; and not __fish_seen_subcommand_from profile audit observe report compare analyze-trace runs doctor install-alias install-completion show-completion version help" -f -a "compare" -d 'Compares runs, also of other tools, metric by metric'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand help; and not __fish_seen_subcommand_from profile audit observe report compare analyze-trace runs doctor install-alias install-completion show-completion version help" -f -a "analyze-trace" -d 'Tells what a trace asks before it is replayed: lengths, what requests share, what a cache could save'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand help; and not __fish_seen_subcommand_from profile audit observe report compare analyze-trace runs doctor install-alias install-completion show-completion version help" -f -a "runs" -d 'Lists, shows, fetches, recovers and removes the runs that a daemon keeps'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand help; and not __fish_seen_subcommand_from profile audit observe report compare analyze-trace runs doctor install-alias install-completion show-completion version help" -f -a "doctor" -d 'Reports what this host can and can\'t do for a measurement, with the cause and the cure of each problem'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand help; and not __fish_seen_subcommand_from profile audit observe report compare analyze-trace runs doctor install-alias install-completion show-completion version help" -f -a "install-alias" -d 'Puts a command `aiperf` beside this program, so that scripts written for NVIDIA AIPerf run unchanged'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand help; and not __fish_seen_subcommand_from profile audit observe report compare analyze-trace runs doctor install-alias install-completion show-completion version help" -f -a "install-completion" -d 'Installs the completion of a shell for the user'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand help; and not __fish_seen_subcommand_from profile audit observe report compare analyze-trace runs doctor install-alias install-completion show-completion version help" -f -a "show-completion" -d 'Prints the completion of a shell'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand help; and not __fish_seen_subcommand_from profile audit observe report compare analyze-trace runs doctor install-alias install-completion show-completion version help" -f -a "version" -d 'Prints the version, the commit and the digest of the kernel programs'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand help; and not __fish_seen_subcommand_from profile audit observe report compare analyze-trace runs doctor install-alias install-completion show-completion version help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand help; and __fish_seen_subcommand_from runs" -f -a "list" -d 'Lists them, the oldest first; also those that private daemons left, for which no daemon need run'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand help; and __fish_seen_subcommand_from runs" -f -a "show" -d 'Shows where one stands, as JSON'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand help; and __fish_seen_subcommand_from runs" -f -a "fetch" -d 'Fetches its files and writes its report'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand help; and __fish_seen_subcommand_from runs" -f -a "recover" -d 'Makes a run of what a daemon that died left behind'
complete -c aiperf-ctl -n "__fish_aiperf_ctl_using_subcommand help; and __fish_seen_subcommand_from runs" -f -a "rm" -d 'Removes it'
