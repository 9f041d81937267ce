// Runs stimuli by the thousand against one Verilated design and reports which coverage counters each one hit.
//
// Requests come on standard input and answers go to the descriptor that was standard output, both as rows of 32-bit
// words in the machine's order, the first word of a row being the number of words that follow. What the design itself
// prints goes to /dev/null. `bindings.h`, which is generated for each design, names its inputs, outputs and watched
// signals. The moments at which inputs change are those of `bench.stimulus`.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <unordered_map>
#include <vector>

#include "verilated.h"
#include "verilated_cov.h"
#include "Vtop.h"
#include "Vtop__Syms.h"

struct Signal {
    void* data;
    uint32_t width;
};

static VerilatedContext* context;
static Vtop* top;
static Vtop__Syms* symbols;

#include "bindings.h"  // inputs[], outputs[], watches[], machines[], COMBINATIONAL_PERIOD

typedef std::vector<uint32_t> Words;

struct Clock {
    uint32_t input;
    uint64_t half, next;
    bool falling;  // Which edge is the active one.
    uint8_t mask;  // All bits of the input.
};

// All that has to be put back to go on from a moment, beside the model's own memory.
struct Moment {
    uint64_t now = 0;
    uint64_t cycles = 0;
    uint32_t random = 1;
    bool is_dirty = false;  // Inputs were set that the model has not felt yet.
    std::vector<Clock> clocks;
};

enum Status : uint32_t { DONE = 0, FINISHED = 1, TOO_LONG = 2, CRASHED = 3 };

static Moment moment;
static uint64_t most_cycles;
static bool is_too_long;
static int answers;

static const size_t COUNTERS = sizeof(symbols->__Vcoverage) / sizeof(uint32_t);
static uint8_t* model_begin;
static size_t model_bytes;

static std::vector<uint8_t> is_known;          // By counter.
static std::vector<uint64_t> nearest, best;    // By target: distance in this run, and the smallest ever told to us.
static std::vector<uint64_t> target_values;
static std::vector<uint32_t> target_watches;
static const uint32_t PLACES = 1u << 16;
static std::vector<uint8_t> is_known_place;    // By hash of what the state machines are in.
static std::vector<uint32_t> new_places;

static uint64_t read_signal(const Signal& signal) {
    switch (signal.width <= 8 ? 1 : signal.width <= 16 ? 2 : signal.width <= 32 ? 4 : 8) {
        case 1: return *static_cast<uint8_t*>(signal.data);
        case 2: return *static_cast<uint16_t*>(signal.data);
        case 4: return *static_cast<uint32_t*>(signal.data);
        default: return *static_cast<uint64_t*>(signal.data);
    }
}

static uint32_t words_of(uint32_t width) { return (width + 31) / 32; }

static void write_signal(const Signal& signal, const uint32_t* words) {
    if (signal.width <= 8) *static_cast<uint8_t*>(signal.data) = static_cast<uint8_t>(words[0]);
    else if (signal.width <= 16) *static_cast<uint16_t*>(signal.data) = static_cast<uint16_t>(words[0]);
    else std::memcpy(signal.data, words, words_of(signal.width) * 4);
}

static bool equals(const Signal& signal, const uint32_t* words) {
    if (signal.width <= 8) return *static_cast<uint8_t*>(signal.data) == words[0];
    if (signal.width <= 16) return *static_cast<uint16_t*>(signal.data) == words[0];
    return std::memcmp(signal.data, words, words_of(signal.width) * 4) == 0;
}

static void evaluate() {
    top->eval();
    moment.is_dirty = false;
}

static void look() {
    for (size_t i = 0; i < nearest.size(); ++i) {
        const uint64_t value = read_signal(watches[target_watches[i]]);
        const uint64_t away = value > target_values[i] ? value - target_values[i] : target_values[i] - value;
        if (away < nearest[i]) nearest[i] = away;
    }
    for (size_t i = 0; i < machines.size(); ++i) {
        uint32_t hash = 2166136261u + static_cast<uint32_t>(i);
        for (uint32_t watch : machines[i]) hash = (hash ^ static_cast<uint32_t>(read_signal(watches[watch]))) * 16777619u;
        hash = (hash ^ (hash >> 15)) & (PLACES - 1);
        if (!is_known_place[hash]) {
            is_known_place[hash] = 2;  // Known for this run only; undone when it is told.
            new_places.push_back(hash);
        }
    }
}

static void wait_until(uint64_t time) {
    while (top->eventsPending() && top->nextTimeSlot() < time && !context->gotFinish()) {
        context->time(top->nextTimeSlot());
        evaluate();
    }
    context->time(time);
    moment.now = time;
}

// Lets `count` active edges of a clock pass, and stops one unit behind the last.
static void tick(uint32_t clock_rank, uint32_t count) {
    if (is_too_long || count == 0) return;
    if (moment.is_dirty) evaluate();
    if (moment.clocks.empty()) {
        for (uint32_t i = 0; i < count && !context->gotFinish(); ++i) {
            wait_until(moment.now + COMBINATIONAL_PERIOD);
            ++moment.cycles;
            // Nothing moves in a settled design without clocks, so the rest of the wait is skipped.
            if (!top->eventsPending()) {
                wait_until(moment.now + uint64_t(COMBINATIONAL_PERIOD) * (count - i - 1));
                moment.cycles += count - i - 1;
                break;
            }
        }
        look();
        is_too_long = moment.cycles > most_cycles;
        return;
    }
    Clock* const first = moment.clocks.data();
    Clock* const last = first + moment.clocks.size();
    while (count && !context->gotFinish()) {
        Clock* due = first;
        for (Clock* other = first + 1; other < last; ++other)
            if (other->next < due->next) due = other;
        wait_until(due->next);
        due->next += due->half;
        uint8_t* const level = static_cast<uint8_t*>(inputs[due->input].data);
        *level ^= due->mask;
        top->eval();
        if ((*level & 1) == (due->falling ? 0 : 1)) {
            if (due == first) {
                look();
                if (++moment.cycles > most_cycles) {
                    is_too_long = true;
                    return;
                }
            }
            if (due == first + clock_rank) --count;
        }
    }
    wait_until(moment.now + 1);
}

static uint32_t advance_random() {
    uint32_t state = moment.random;
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return moment.random = state;
}

static uint32_t below(uint32_t bound) { return (advance_random() >> 16) % bound; }

static void draw(const Signal& signal, uint32_t choice_percent, uint32_t stay_percent, uint32_t count, const uint32_t* choices) {
    if (stay_percent && below(100) < stay_percent) return;
    const uint32_t words = words_of(signal.width);
    if (choice_percent && below(100) < choice_percent) {
        write_signal(signal, choices + words * below(count));
        return;
    }
    uint32_t drawn[1024];
    for (uint32_t i = 0; i < words; ++i) drawn[i] = advance_random();
    if (signal.width % 32) drawn[words - 1] &= (1u << (signal.width % 32)) - 1;
    write_signal(signal, drawn);
}

enum Verb : uint32_t { SET = 1, TICK = 2, WAIT = 3, RANDOM = 4, REPEAT = 5, PACE = 6 };

static void execute(const uint32_t* word, const uint32_t* end) {
    while (word < end && !is_too_long && !context->gotFinish()) {
        switch (*word++) {
            case SET: {
                const Signal& signal = inputs[*word++];
                write_signal(signal, word);
                word += words_of(signal.width);
                moment.is_dirty = true;
                break;
            }
            case TICK: {
                tick(word[0], word[1]);
                word += 2;
                break;
            }
            case WAIT: {
                const Signal& signal = outputs[word[0]];
                const bool equal = word[1];
                const uint32_t limit = word[2];
                word += 3;
                for (uint32_t i = 0; i < limit && equals(signal, word) != equal && !is_too_long && !context->gotFinish(); ++i) tick(0, 1);
                word += words_of(signal.width);
                break;
            }
            case RANDOM: {
                const uint32_t cycles = word[0], length = word[3];
                if (word[1]) moment.random = word[2];
                const uint32_t* const fields = word + 4;
                word = fields + length;
                for (uint32_t i = 0; i < cycles && !is_too_long && !context->gotFinish(); ++i) {
                    for (const uint32_t* field = fields; field < word;) {
                        const Signal& signal = inputs[field[0]];
                        draw(signal, field[1], field[2], field[3], field + 4);
                        field += 4 + field[3] * words_of(signal.width);
                    }
                    moment.is_dirty = true;
                    tick(0, 1);
                }
                break;
            }
            case REPEAT: {
                const uint32_t count = word[0], length = word[1];
                word += 2;
                for (uint32_t i = 0; i < count && !is_too_long && !context->gotFinish(); ++i) execute(word, word + length);
                word += length;
                break;
            }
            case PACE: {
                // The edge that is due next was settled at the one before, as in a testbench that waits for it already.
                moment.clocks[word[0]].half = word[1];
                word += 2;
                break;
            }
            default: std::abort();
        }
    }
}

static void send(const Words& row) {
    const uint32_t length = static_cast<uint32_t>(row.size());
    Words whole(1, length);
    whole.insert(whole.end(), row.begin(), row.end());
    const char* data = reinterpret_cast<const char*>(whole.data());
    size_t left = whole.size() * 4;
    while (left) {
        const ssize_t written = write(answers, data, left);
        if (written <= 0) std::exit(1);
        data += written;
        left -= static_cast<size_t>(written);
    }
}

static bool receive(Words& row) {
    uint32_t length = 0;
    if (std::fread(&length, 4, 1, stdin) != 1) return false;
    row.resize(length);
    return length == 0 || std::fread(row.data(), 4, length, stdin) == length;
}

struct Snapshot {
    std::vector<uint8_t> model;
    Moment moment;
};
static std::unordered_map<uint32_t, Snapshot> snapshots;

static void take(uint32_t id) { snapshots[id] = Snapshot{std::vector<uint8_t>(model_begin, model_begin + model_bytes), moment}; }

static bool put_back(uint32_t id) {
    const auto found = snapshots.find(id);
    if (found == snapshots.end()) return false;
    std::memcpy(model_begin, found->second.model.data(), model_bytes);
    moment = found->second.moment;
    context->time(moment.now);
    context->gotFinish(false);
    return true;
}

// [DONE.., cycles low, cycles high, counters hit.., number of them, nearer targets (rank, low, high).., places..]
static Words run(const uint32_t* word, const uint32_t* end, bool tells_all) {
    std::memset(symbols->__Vcoverage, 0, sizeof(symbols->__Vcoverage));
    std::fill(nearest.begin(), nearest.end(), UINT64_MAX);
    new_places.clear();
    is_too_long = false;
    const uint64_t before = moment.cycles;
    most_cycles = before + (uint64_t(word[1]) << 32 | word[0]);
    execute(word + 2, end);
    const uint64_t cycles = moment.cycles - before;
    Words row{is_too_long ? TOO_LONG : context->gotFinish() ? FINISHED : DONE, uint32_t(cycles), uint32_t(cycles >> 32), 0, 0, 0};
    for (size_t i = 0; i < COUNTERS; ++i)
        if (symbols->__Vcoverage[i] && (tells_all || !is_known[i])) row.push_back(static_cast<uint32_t>(i));
    row[3] = static_cast<uint32_t>(row.size()) - 6;
    for (size_t i = 0; i < nearest.size(); ++i) {
        if (!tells_all && nearest[i] >= best[i]) continue;
        row.push_back(static_cast<uint32_t>(i));
        row.push_back(static_cast<uint32_t>(nearest[i]));
        row.push_back(static_cast<uint32_t>(nearest[i] >> 32));
        ++row[4];
    }
    for (uint32_t place : new_places) {
        is_known_place[place] = 0;
        row.push_back(place);
        ++row[5];
    }
    return row;
}

#ifdef LLM4COV_FORKS
// The model holds more than plain memory: each run is a copy of the process, from power-up.
static Words run_apart(const uint32_t* word, const uint32_t* end, bool tells_all) {
    int ends[2];
    if (pipe(ends)) std::exit(1);
    const pid_t child = fork();
    if (child < 0) std::exit(1);
    if (child == 0) {
        close(ends[0]);
        const Words row = run(word, end, tells_all);
        FILE* out = fdopen(ends[1], "w");
        std::fwrite(row.data(), 4, row.size(), out);
        std::fclose(out);
        _exit(0);
    }
    close(ends[1]);
    Words row;
    FILE* in = fdopen(ends[0], "r");
    uint32_t one;
    while (std::fread(&one, 4, 1, in) == 1) row.push_back(one);
    std::fclose(in);
    int status = 0;
    waitpid(child, &status, 0);
    return status == 0 && row.size() >= 6 ? row : Words{CRASHED, 0, 0, 0, 0, 0};
}
#endif

int main(int argc, char** argv) {
    answers = dup(1);
    const int nowhere = open("/dev/null", O_WRONLY);
    dup2(nowhere, 1);
    dup2(nowhere, 2);
    context = new VerilatedContext;
    context->commandArgs(argc, argv);
    context->coveragep()->forcePerInstance(true);
    top = new Vtop{context, ""};
    symbols = top->vlSymsp;
    bind();
    model_begin = reinterpret_cast<uint8_t*>(&symbols->__Vm_didInit);
    model_bytes = reinterpret_cast<uint8_t*>(symbols) + sizeof(Vtop__Syms) - model_begin;
    is_known.assign(COUNTERS, 0);
    is_known_place.assign(PLACES, 0);
    Words row;
    while (receive(row)) {
        switch (row[0]) {
            case 'N': {  // Sets the counters to the values given, if any, and writes the coverage file. Tells how many there are, and a snapshot's size.
                for (size_t i = 0; i + 1 < row.size() && i < COUNTERS; ++i) symbols->__Vcoverage[i] = row[i + 1];
                if (row.size() > 1) context->coveragep()->write("coverage.dat");
                send(Words{static_cast<uint32_t>(COUNTERS), static_cast<uint32_t>(model_bytes)});
                break;
            }
            case 'P': {  // Power-up: [seed state, number of clocks, (input, half, phase, falling, mask).., the initial values as steps..]
                const uint32_t* word = row.data() + 1;
                moment.random = *word++;
                for (uint32_t count = *word++; count; --count, word += 5)
                    moment.clocks.push_back(Clock{word[0], word[1], uint64_t(word[2]) + word[1], word[3] != 0, uint8_t(word[4])});
                execute(word, row.data() + row.size());
                std::memset(symbols->__Vcoverage, 0, sizeof(symbols->__Vcoverage));
                evaluate();
                wait_until(1);
                Words hit{context->gotFinish() ? FINISHED : DONE};
                for (size_t i = 0; i < COUNTERS; ++i)
                    if (symbols->__Vcoverage[i]) hit.push_back(static_cast<uint32_t>(i));
#ifndef LLM4COV_FORKS
                take(0);
#endif
                send(hit);
                break;
            }
            case 'T': {  // Targets: (watch, low, high)..
                target_watches.clear();
                target_values.clear();
                for (size_t i = 1; i + 2 < row.size(); i += 3) {
                    target_watches.push_back(row[i]);
                    target_values.push_back(uint64_t(row[i + 2]) << 32 | row[i + 1]);
                }
                nearest.assign(target_watches.size(), UINT64_MAX);
                best = nearest;
                break;
            }
            case 'K': {  // What is known from now on: [number of counters, counters.., number of targets, (rank, low, high).., places..]
                const uint32_t* word = row.data() + 1;
                for (uint32_t count = *word++; count; --count) is_known[*word++] = 1;
                for (uint32_t count = *word++; count; --count, word += 3) best[word[0]] = uint64_t(word[2]) << 32 | word[1];
                for (; word < row.data() + row.size(); ++word) is_known_place[*word] = 1;
                break;
            }
            case 'R': {  // Run: [from snapshot, into snapshot or 0, tells all, most cycles low, high, steps..]
#ifdef LLM4COV_FORKS
                send(run_apart(row.data() + 4, row.data() + row.size(), row[3] != 0));
#else
                if (!put_back(row[1])) std::exit(1);
                const Words answer = run(row.data() + 4, row.data() + row.size(), row[3] != 0);
                if (row[2]) take(row[2]);
                send(answer);
#endif
                break;
            }
            case 'S': {  // Shows the watched signals as they are in a snapshot: (low, high)..
                Words values;
                if (put_back(row[1]))
                    for (size_t i = 0; i < WATCHES; ++i) {
                        const uint64_t value = read_signal(watches[i]);
                        values.push_back(uint32_t(value));
                        values.push_back(uint32_t(value >> 32));
                    }
                send(values);
                break;
            }
            case 'D': {  // Drops snapshots.
                for (size_t i = 1; i < row.size(); ++i) snapshots.erase(row[i]);
                break;
            }
            default: std::exit(1);
        }
    }
    return 0;
}
