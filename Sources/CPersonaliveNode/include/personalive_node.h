/*
 * A node of a personalive graph, in any language that can call C.
 *
 * A program links libpersonalive-node.so (or opens it at run time) and has all that a built-in node
 * has: shared memory, credits, encrypted TCP to other machines, a journal that survives kill -9,
 * clocks, and reports. The folder of the program has a node.yaml, which says what its ports and
 * settings are; Plugins/README.md has its keys.
 *
 *     personalive_node *node = personalive_open(argc, argv);
 *     double gain = atof(personalive_setting(node, "gain"));
 *     while (personalive_next(node) == PERSONALIVE_TICK) {
 *         personalive_tensor in, out;
 *         personalive_input(node, "sound", &in);
 *         out = in;
 *         float *samples = personalive_output(node, "sound", &out);
 *         for (int64_t i = 0; i < in.shape[0]; i++) samples[i] = gain * ((float *)in.data)[i];
 *         personalive_send(node, "sound", &out);
 *     }
 *     return personalive_close(node);
 *
 * That is all of a node without state and without live settings. Eight calls are enough for most
 * nodes; the others stand at the end.
 *
 * Threads. All calls but personalive_say and personalive_figure belong to the thread that called
 * personalive_open. The library has threads of its own, which own the sockets.
 *
 * Errors. A call that cannot be obeyed (an output that node.yaml does not have, a tensor of another
 * type or with other axes) makes the node fail at the next personalive_next, which then returns
 * PERSONALIVE_END; the reason names the port, what was found and what was needed. The process then
 * closes the node and ends; the supervisor starts another one where that is possible. Other nodes go on.
 */
#ifndef PERSONALIVE_NODE_H
#define PERSONALIVE_NODE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of these calls. A library of another version refuses the program, and says so. */
#define PERSONALIVE_NODE_VERSION 1

/* One node; a process has one. */
typedef struct personalive_node personalive_node;

/* Types of a tensor's numbers: u8, i32, i64, f16, bf16, f32, f64 of node.yaml. */
enum {
    PERSONALIVE_U8 = 1,
    PERSONALIVE_I32 = 2,
    PERSONALIVE_I64 = 3,
    PERSONALIVE_F16 = 4,
    PERSONALIVE_BF16 = 5,
    PERSONALIVE_F32 = 6,
    PERSONALIVE_F64 = 7
};

/* Numbers without gaps, the last axis fastest, and the frame that they belong to. */
typedef struct personalive_tensor {
    void *data;
    /* Extents, outermost first; so many as `rank`. */
    int64_t shape[8];
    int32_t rank;
    int32_t type;
    /* Number of the frame at its source, from 0. */
    uint64_t frame;
    /* When the source got hold of it: nanoseconds of CLOCK_MONOTONIC. */
    int64_t captured;
    /* When it is to be shown, from the start of the stream, and for how long: nanoseconds. */
    int64_t presentation;
    int64_t duration;
    /* Which stretch of its stream the frame is of; a flush and a source that begins anew start one. */
    uint32_t epoch;
    /* Of a tensor to be sent: 0 for the frame of the tick, whatever stands above; 1 for the frame that stands
     * above. A source says 1, as does a node that sends a frame which it has held back. */
    uint32_t has_own_frame;
} personalive_tensor;

/* What there is to do; returned by personalive_next. */
enum {
    /* Nothing any more: call personalive_close. */
    PERSONALIVE_END = 0,
    /* One set of inputs that belong together. Of a source: make the next message. */
    PERSONALIVE_TICK = 1,
    /* Settings that say `live: true` have other values: read them again. Nodes with such settings only. */
    PERSONALIVE_SETTINGS = 2,
    /* Go on from what another process of this node saved: call personalive_restored. Before any tick;
     * nodes whose node.yaml says `state: saved` only. */
    PERSONALIVE_RESTORE = 3,
    /* No further tick will come: send what was held back, close files. */
    PERSONALIVE_FINISH = 4
};

/*
 * Connects to the run that started this process, and waits until the settings are known.
 *
 * argv is the program's own: NAME --kind KIND --folder FOLDER, wherever in it that stands. If these are not
 * there, or the library is of another version, it prints a sentence and ends the process with code 64.
 */
static inline personalive_node *personalive_open(int argc, char *const argv[]);

/*
 * Hands over what the last event was answered with, waits, and returns what there is to do.
 *
 * The first call says that the program has loaded: the run begins when all of its nodes have. What a tick
 * sent leaves the process here, once it is in the journal.
 *
 * Only nodes that have live settings, saved state or something to do at the end need to know other events
 * than PERSONALIVE_TICK: a program may leave its loop at PERSONALIVE_FINISH, personalive_close answers it.
 */
int personalive_next(personalive_node *node);

/*
 * A setting's value as text: `0.5`, `true`, `large`. NULL where it has none. Valid until the next
 * PERSONALIVE_SETTINGS.
 */
const char *personalive_setting(personalive_node *node, const char *name);

/*
 * The tensor on an input. Its data are read-only, and valid until the next personalive_next unless
 * personalive_hold says otherwise; large ones lie in the producer's memory, and are not copied.
 *
 * Returns 1, or 0 where the input has nothing in this tick: it is not connected, or has a pace of its own.
 */
int personalive_input(personalive_node *node, const char *port, personalive_tensor *tensor);

/*
 * Room for an output's next tensor, where the next node can read it without a copy: fill it, then send the
 * same structure. `rank` and `shape` say how large it is to be; `type` and `data` are set. Valid until the
 * next personalive_next. NULL where the tensor cannot be one of this output.
 */
void *personalive_output(personalive_node *node, const char *port, personalive_tensor *tensor);

/*
 * Sends a tensor: without a copy where `data` came from personalive_output, else `data` is copied. Its type,
 * rank and axes must be those of node.yaml. It goes with the frame of the tick; a source says which frame it is
 * (`has_own_frame`), and counts from 0.
 *
 * Returns 1, or 0 where it cannot be sent: the node fails, see above.
 */
int personalive_send(personalive_node *node, const char *port, const personalive_tensor *tensor);

/*
 * What the node remembers after this tick, in bytes of its own choice (at most 1 GiB); copied. For nodes
 * whose node.yaml says `state: saved`, after every tick at whose end that can be said: not in the middle of
 * a chunk. A process that goes on after this one gets these bytes, and the ticks since.
 */
void personalive_save(personalive_node *node, const void *bytes, size_t count);

/* At PERSONALIVE_RESTORE: what was saved. Valid until the next personalive_next. */
const void *personalive_restored(personalive_node *node, size_t *count);

/*
 * Ends the node's part in the run and frees it. In the midst of a run that is a failure of the node.
 *
 * Returns the exit code for the process.
 */
int personalive_close(personalive_node *node);

/* ---- What some nodes need besides ---- */

/*
 * What the node is: a JSON object with `node`, `kind`, `cores` (how many processor cores its mathematics may
 * use), `state` (of node.yaml), `settings` (name to value) and `inputs` and `outputs` (arrays of name, type,
 * axes, meaning, pace, and for inputs whether it is connected). For bindings to other languages. Valid until
 * the next PERSONALIVE_SETTINGS.
 */
const char *personalive_describe(personalive_node *node);

/*
 * Keeps an input's data valid beyond the tick, until personalive_release has been called with what this
 * returns; NULL where the input has nothing. Any thread may release. The producer's memory stays occupied so
 * long: hold a few frames, not thousands.
 */
void *personalive_hold(personalive_node *node, const char *port);
void personalive_release(void *hold);

/* The same for what personalive_output gave in this tick; NULL for any other address. */
void *personalive_hold_output(personalive_node *node, void *data);

/* What personalive_say says. */
enum {
    /* The node gives up; text is the reason. It fails at the next personalive_next. */
    PERSONALIVE_FAILURE = 1,
    /* The tick's frame ends here; text is the reason, for the account of all frames at the run's end. */
    PERSONALIVE_DROP = 2,
    /* A person should read the text; the run goes on. */
    PERSONALIVE_WARNING = 3,
    /* What the node does now, for `personalive status` and `top`: "sending to …". */
    PERSONALIVE_STATUS = 4,
    /* A source has nothing more to send; text is not read. */
    PERSONALIVE_OVER = 5,
    /* The input named by text wants a beginning: a producer of compressed pictures makes a key picture. */
    PERSONALIVE_BEGINNING = 6
};

/*
 * Says something. PERSONALIVE_STATUS may come from any thread, the others from the node's own. A warning, an
 * end of the source and a wish for a beginning that are said outside of a tick go with the next one.
 */
void personalive_say(personalive_node *node, int what, const char *text);

/* A figure of the node's own, for status and metrics; its name ends with its unit: `av_offset_ms`. Any thread. */
void personalive_figure(personalive_node *node, const char *name, double value);

personalive_node *personalive_open_version(int version, int argc, char *const argv[]);
static inline personalive_node *personalive_open(int argc, char *const argv[]) {
    return personalive_open_version(PERSONALIVE_NODE_VERSION, argc, argv);
}

#ifdef __cplusplus
}
#endif
#endif
