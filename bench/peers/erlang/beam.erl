%% beam.erl - the message benchmarks in Erlang, to stand beside those in Foal.
%%
%%    erl +S 2:2 -noshell -pa FOLDER -s beam -extra [OPTION]... NAME
%%
%% Takes the arguments of messages.c, prints the same lines, and does the same work: see the head
%% comments of msg_*.c, whose names are used here. What differs: processes cannot be bound to a
%% scheduler, so nothing runs apart; buffers are binaries, which are handed over by reference and
%% counted; an idle process hibernates; and who is woken after a silence is told by another
%% process of the system. Work of so many microseconds is counted out beforehand, because a process
%% may be interrupted in it. Processor time comes in milliseconds.
-module(beam).
-export([start/0, idle/1]).

-define(PRODUCERS, 8).
-define(RING, 1000).
-define(FORKS, 60).
-define(CROWD, 120).
-define(WINDOW, 16).
-define(COARSE, 64).
-define(COARSE_NS, 50000).
-define(TAKES_NS, 100).
-define(MASK, 16#FFFFFFFF). % products of it are integers that need no memory

%% A benchmark: begin(Ops, Judge) makes the processes and gives a function that lets them go;
%% the judge is sent {finished, Ns, Result}.
-record(bench, {name, unit, start, first, multiple = 1, fixed = false, once = false,
                places = "1,2"}).

benches() ->
    [#bench{name = "pingpong", unit = "message", start = fun pingpong/2, first = 10000,
            multiple = 2},
     #bench{name = "counting", unit = "message", start = fun counting/2, first = 10000},
     #bench{name = "fanin", unit = "message", start = fun fanin/2, first = 10000,
            multiple = ?PRODUCERS},
     #bench{name = "threadring", unit = "hop", start = fun threadring/2, first = 10000},
     #bench{name = "fjthrput", unit = "message", start = fun fjthrput/2, first = 6000,
            multiple = ?FORKS},
     #bench{name = "big", unit = "message", start = fun big/2, first = 24000,
            multiple = 2 * ?CROWD},
     #bench{name = "fjcreate", unit = "actor", start = fun fjcreate/2, first = 10000},
     #bench{name = "skynet", unit = "leaf", start = fun skynet/2, first = 1000000, fixed = true},
     #bench{name = "coarse", unit = "message", start = fun coarse/2, first = ?COARSE,
            multiple = ?COARSE},
     #bench{name = "memory", unit = "actor", start = fun memory/2, first = 100000, fixed = true,
            once = true, places = "1"},
     #bench{name = "iso-1k", unit = "buffer", start = throw_it(1024), first = 10000, multiple = 2},
     #bench{name = "iso-64k", unit = "buffer", start = throw_it(65536), first = 10000,
            multiple = 2},
     #bench{name = "iso-fresh-1k", unit = "buffer", start = pour(1024), first = 1600,
            multiple = ?WINDOW},
     #bench{name = "iso-fresh-64k", unit = "buffer", start = pour(65536), first = 1600,
            multiple = ?WINDOW},
     #bench{name = "producer", unit = "message", start = fun too_fast/2, first = 10000000,
            fixed = true, once = true, places = "2"},
     #bench{name = "silence", unit = "wake-up", start = fun silence/2, first = 3, fixed = true,
            once = true, places = "1"}].

now_ns() -> erlang:monotonic_time(nanosecond).

finished(Judge, Result) -> Judge ! {finished, now_ns(), Result}.

%% How many steps of work take so long: the fewest of some tries.
steps(Ns) ->
    Tried = [begin
                 Began = now_ns(),
                 work(100000, 1),
                 now_ns() - Began
             end || _ <- lists:seq(1, 20)],
    Ns * 100000 div lists:min(Tried).

work(0, X) -> X;
work(Steps, X) -> work(Steps - 1, (X * 1664525 + 1013904223) band ?MASK).

%% ---- talks ----

pingpong(Ops, Judge) ->
    A = spawn(fun() -> player_meet(Judge, Ops div 2) end),
    B = spawn(fun() -> player_meet(Judge, Ops div 2) end),
    A ! {meet, B},
    B ! {meet, A},
    fun() -> A ! hit end.

player_meet(Judge, Left) ->
    receive {meet, Other} -> player(Other, Judge, Left) end.

player(Other, Judge, Left) ->
    receive
        hit when Left > 0 ->
            Other ! hit,
            player(Other, Judge, Left - 1);
        hit ->
            finished(Judge, 0),
            Other ! stop;
        stop ->
            ok
    end.

counting(Ops, Judge) -> count_with(Ops, Judge, 1).

fanin(Ops, Judge) -> count_with(Ops, Judge, ?PRODUCERS).

count_with(Ops, Judge, Producers) ->
    Counter = spawn(fun() -> counter(Judge, Producers, 0) end),
    All = [spawn(fun() -> receive go -> produce(Counter, Ops div Producers) end end)
           || _ <- lists:seq(1, Producers)],
    fun() -> [P ! go || P <- All] end.

counter(Judge, 0, Total) -> finished(Judge, Total);
counter(Judge, Producers, Total) ->
    receive
        {add, Amount} -> counter(Judge, Producers, Total + Amount);
        done -> counter(Judge, Producers - 1, Total)
    end.

produce(Counter, 0) -> Counter ! done;
produce(Counter, Left) ->
    Counter ! {add, 1},
    produce(Counter, Left - 1).

threadring(Ops, Judge) ->
    Ring = [spawn(fun() -> receive {set, Next} -> runner(Next, Judge) end end)
            || _ <- lists:seq(1, ?RING)],
    [First | Rest] = Ring,
    [P ! {set, Next} || {P, Next} <- lists:zip(Ring, Rest ++ [First])],
    fun() -> First ! {token, Ops} end.

runner(Next, Judge) ->
    receive
        {token, Hops} when Hops > 1 ->
            Next ! {token, Hops - 1},
            runner(Next, Judge);
        {token, _} ->
            finished(Judge, 0),
            self() ! stop,
            runner(Next, Judge);
        stop ->
            Next ! stop
    end.

%% ---- crowds ----

%% Tells the judge when so many have arrived.
gate(Judge, Left) -> spawn(fun() -> wait_at(Judge, Left) end).

wait_at(Judge, 0) -> finished(Judge, 0);
wait_at(Judge, Left) -> receive arrive -> wait_at(Judge, Left - 1) end.

fjthrput(Ops, Judge) ->
    Gate = gate(Judge, ?FORKS),
    Workers = [spawn(fun() -> fork_worker(Gate, 1.5, Ops div ?FORKS) end)
               || _ <- lists:seq(1, ?FORKS)],
    fun() -> spawn(fun() -> forker(Workers, Ops div ?FORKS) end) end.

forker(_, 0) -> ok;
forker(Workers, Left) ->
    [W ! work || W <- Workers],
    forker(Workers, Left - 1).

fork_worker(Gate, _, 0) -> Gate ! arrive;
fork_worker(Gate, X, Left) ->
    receive work -> fork_worker(Gate, arithmetic(X, 8), Left - 1) end.

arithmetic(X, 0) -> X;
arithmetic(X, N) -> arithmetic(X * 1.0000001 + 0.5, N - 1).

big(Ops, Judge) ->
    Gate = gate(Judge, ?CROWD),
    Guests = [spawn(fun() ->
                        receive
                            {set, All} -> guest(All, Gate, Ops div (2 * ?CROWD), seed(I))
                        end
                    end) || I <- lists:seq(1, ?CROWD)],
    All = list_to_tuple(Guests),
    [G ! {set, All} || G <- Guests],
    put(crowd, Guests),
    fun() -> [G ! answer || G <- Guests] end.

seed(I) -> (I * 16#9E3779B9) band ?MASK.

guest(All, Gate, Left, Random) ->
    receive
        {ask, Who} ->
            Who ! answer,
            guest(All, Gate, Left, Random);
        answer when Left > 0 ->
            Next = (Random * 1664525 + 1013904223) band ?MASK,
            element((Next bsr 8) rem ?CROWD + 1, All) ! {ask, self()},
            guest(All, Gate, Left - 1, Next);
        answer ->
            Gate ! arrive,
            guest(All, Gate, Left, Random);
        stop ->
            ok
    end.

fjcreate(Ops, Judge) -> make(Ops, Judge, true).

memory(Ops, Judge) -> make(Ops, Judge, false).

make(Ops, Judge, End) ->
    Left = atomics:new(1, []),
    atomics:put(Left, 1, Ops),
    fun() -> spawn(fun() -> make_idlers({Left, Judge}, Ops, End) end) end.

make_idlers(_, 0, _) -> ok;
make_idlers(Count, Left, End) ->
    P = spawn(?MODULE, idle, [Count]),
    P ! {touch, End},
    make_idlers(Count, Left - 1, End).

idle({Left, Judge} = Count) ->
    receive
        {touch, End} ->
            case atomics:sub_get(Left, 1, 1) of
                0 -> finished(Judge, 0);
                _ -> ok
            end,
            case End of
                true -> ok;
                false -> erlang:hibernate(?MODULE, idle, [Count])
            end
    end.

skynet(Ops, Judge) ->
    fun() -> spawn(fun() -> root(Judge, Ops) end) end.

root(Judge, Leaves) ->
    node_of(self(), 0, Leaves),
    receive Sum -> finished(Judge, Sum) end.

node_of(Parent, First, 1) -> Parent ! First;
node_of(Parent, First, Leaves) ->
    Self = self(),
    Part = Leaves div 10,
    [spawn(fun() -> node_of(Self, First + I * Part, Part) end) || I <- lists:seq(0, 9)],
    Parent ! sum_of(10, 0).

sum_of(0, Sum) -> Sum;
sum_of(Missing, Sum) -> receive N -> sum_of(Missing - 1, Sum + N) end.

coarse(Ops, Judge) ->
    Gate = gate(Judge, ?COARSE),
    Steps = steps(?COARSE_NS),
    Diggers = [spawn(fun() -> digger(Gate, Ops div ?COARSE, Steps) end)
               || _ <- lists:seq(1, ?COARSE)],
    fun() -> [D ! dig || _ <- lists:seq(1, Ops div ?COARSE), D <- Diggers] end.

digger(Gate, 0, _) -> Gate ! arrive;
digger(Gate, Left, Steps) ->
    receive dig -> work(Steps, Left) end,
    digger(Gate, Left - 1, Steps).

%% ---- buffers ----

throw_it(Size) ->
    fun(Ops, Judge) ->
        Go = pingpong_with(Ops, Judge),
        Buf = binary:copy(<<0>>, Size),
        fun() -> Go ! {take, Buf} end
    end.

pingpong_with(Ops, Judge) ->
    A = spawn(fun() -> catcher_meet(Judge, Ops div 2) end),
    B = spawn(fun() -> catcher_meet(Judge, Ops div 2) end),
    A ! {meet, B},
    B ! {meet, A},
    A.

catcher_meet(Judge, Left) ->
    receive {meet, Other} -> catcher(Other, Judge, Left) end.

catcher(Other, Judge, Left) ->
    receive
        {take, Buf} when Left > 0 ->
            Other ! {take, Buf},
            catcher(Other, Judge, Left - 1);
        {take, _} ->
            finished(Judge, 0),
            Other ! stop;
        stop ->
            ok
    end.

pour(Size) ->
    fun(Ops, Judge) ->
        Bytes = binary:copy(<<0>>, Size),
        From = spawn(fun() -> receive {to, To} -> source(To, Judge, Ops, Bytes) end end),
        To = spawn(fun() -> sink(From, 1) end),
        From ! {to, To},
        fun() -> From ! more end
    end.

source(To, Judge, Left, Bytes) ->
    receive
        more when Left > 0 ->
            [To ! {take, binary:copy(Bytes)} || _ <- lists:seq(1, ?WINDOW)],
            source(To, Judge, Left - ?WINDOW, Bytes);
        more ->
            finished(Judge, 0),
            To ! stop
    end.

sink(From, ?WINDOW) ->
    receive
        {take, _} ->
            From ! more,
            sink(From, 1)
    end;
sink(From, N) ->
    receive
        {take, _} -> sink(From, N + 1);
        stop -> ok
    end.

%% ---- edges ----

too_fast(Ops, Judge) ->
    Steps = steps(?TAKES_NS),
    Consumer = spawn(fun() -> consumer(Judge, Ops, Steps) end),
    fun() -> spawn(fun() -> hurry(Consumer, Ops) end) end.

hurry(_, 0) -> ok;
hurry(Consumer, Left) ->
    Consumer ! Left,
    hurry(Consumer, Left - 1).

consumer(Judge, 0, _) -> finished(Judge, 0);
consumer(Judge, Left, Steps) ->
    receive
        Left -> work(Steps, Left);
        _ -> fail("a message out of order")
    end,
    consumer(Judge, Left - 1, Steps).

%% The other process writes the time into a pipe.
silence(Ops, Judge) ->
    #{"--ticker" := Ticker, "--silence-ms" := Ms} = get(options),
    Args = ["--tick", integer_to_list(Ops), "--silence-ms", integer_to_list(Ms)],
    fun() -> spawn(fun() -> doze({Ticker, Args}, Ops, Judge) end) end.

doze({Ticker, Args}, Ops, Judge) ->
    Port = open_port({spawn_executable, Ticker}, [{args, Args}, {line, 80}]),
    Took = lists:sort([receive
                           {Port, {data, {eol, Line}}} ->
                               os:system_time(nanosecond) - list_to_integer(Line)
                       end || _ <- lists:seq(1, Ops)]),
    finished(Judge, lists:nth(Ops div 2 + 1, Took)).

%% ---- the judge ----

fail(What) ->
    io:format(standard_error, "beam: ~s~n", [What]),
    halt(1).

cpu_ms() -> element(1, statistics(runtime)).

status_bytes(Field) ->
    {ok, Text} = file:read_file("/proc/self/status"),
    [Kib] = [K || [F, K | _] <- [string:lexemes(L, "\t ")
                                 || L <- string:lexemes(binary_to_list(Text), "\n")],
                  F =:= Field],
    list_to_integer(Kib) * 1024.

%% Gives the nanoseconds that the round took.
run_round(B, Ops, Counts) ->
    Resident = status_bytes("VmRSS:"),
    Go = (B#bench.start)(Ops, self()),
    BeganCpu = cpu_ms(),
    Began = now_ns(),
    Go(),
    {Took, Result} = receive {finished, Ended, R} -> {Ended - Began, R} end,
    check(B#bench.name, Ops, Result),
    case Counts of
        true -> report(B, Ops, {Took, Result, cpu_ms() - BeganCpu, Resident});
        false -> ok
    end,
    [P ! stop || P <- case erase(crowd) of undefined -> []; Crowd -> Crowd end],
    Took.

check("skynet", Ops, Sum) when Sum =/= Ops * (Ops - 1) div 2 -> fail("a wrong sum of leaves");
check("counting", Ops, Total) when Total =/= Ops -> fail("a wrong count");
check("fanin", Ops, Total) when Total =/= Ops -> fail("a wrong count");
check(_, _, _) -> ok.

report(#bench{name = Name, unit = Unit}, Ops, {Took, Result, CpuMs, Resident}) ->
    Value = case Name of
        "silence" -> float(Result);
        "memory" -> (status_bytes("VmRSS:") - Resident) / Ops;
        _ -> Took / Ops
    end,
    io:format("bench=~s unit=~s workers=~b ops=~b elapsed_ns=~b value=~.3f cpu_ns=~.3f "
              "peak_bytes=~b~n",
              [Name, Unit, erlang:system_info(schedulers_online), Ops, Took, Value,
               CpuMs * 1.0e6 / Ops, status_bytes("VmHWM:")]).

fitting(Ops, Multiple) -> max(Multiple, Ops - Ops rem Multiple).

measure(#bench{once = true} = B, Options) ->
    run_round(B, fitting(maps:get("--ops", Options, B#bench.first), B#bench.multiple), true);
measure(B, Options) ->
    WantedNs = maps:get("--ms", Options, 100) * 1000000,
    First = maps:get("--ops", Options, B#bench.first),
    Fixed = B#bench.fixed orelse maps:is_key("--ops", Options),
    Ops = case Fixed of
        true -> fitting(First, B#bench.multiple);
        false -> sized(B, fitting(First, B#bench.multiple), WantedNs)
    end,
    run_round(B, Ops, false),
    [run_round(B, Ops, true) || _ <- lists:seq(1, maps:get("--rounds", Options, 5))].

sized(B, Ops, WantedNs) ->
    case run_round(B, Ops, false) of
        Took when Took < WantedNs div 8 -> sized(B, fitting(Ops * 4, B#bench.multiple), WantedNs);
        Took -> fitting(Ops * WantedNs div Took, B#bench.multiple)
    end.

%% ---- command line ----

start() ->
    case init:get_plain_arguments() of
        ["--list"] ->
            [io:format("bench=~s places=~s fixed=~b~n",
                       [Name, Places, case Fixed of true -> 1; false -> 0 end])
             || #bench{name = Name, places = Places, fixed = Fixed} <- benches()];
        ["--version"] ->
            io:format("~s~n", [erlang:system_info(otp_release)]);
        Words ->
            case options(Words, #{"--silence-ms" => 1500}) of
                {B, Options} ->
                    put(options, Options),
                    measure(B, Options);
                usage ->
                    fail("usage: [--ms N] [--rounds N] [--ops N] [--silence-ms N] [--ticker FILE] "
                         "NAME | --list | --version")
            end
    end,
    halt(0).

options(["--ticker" = Name, Value | Rest], Options) ->
    options(Rest, Options#{Name => Value});
options([[$- | _] = Name, Value | Rest], Options) ->
    options(Rest, Options#{Name => list_to_integer(Value)});
options([Name], Options) ->
    case lists:keyfind(Name, #bench.name, benches()) of
        false -> usage;
        B -> {B, Options}
    end;
options(_, _) -> usage.
