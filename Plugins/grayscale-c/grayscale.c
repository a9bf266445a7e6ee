/* Takes the colour out of frames. */
#include <personalive_node.h>
#include <stdlib.h>

static void mix(const uint8_t *from, uint8_t *to, int64_t bytes, float strength) {
    for (int64_t at = 0; at < bytes; at += 3) {
        /* Luma of ITU-R BT.601: the weights of Y'. */
        float luma = 0.299f * from[at] + 0.587f * from[at + 1] + 0.114f * from[at + 2];
        for (int64_t i = at; i < at + 3; i++)
            to[i] = (uint8_t)(from[i] + strength * (luma - from[i]) + 0.5f);
    }
}

int main(int argc, char *argv[]) {
    personalive_node *node = personalive_open(argc, argv);
    float strength = strtof(personalive_setting(node, "strength"), NULL);
    for (int event; (event = personalive_next(node));) {
        personalive_tensor frame, grey;
        if (event == PERSONALIVE_SETTINGS)
            strength = strtof(personalive_setting(node, "strength"), NULL);
        if (event != PERSONALIVE_TICK || !personalive_input(node, "frame", &frame)) continue;
        grey = frame;
        if (!personalive_output(node, "frame", &grey)) continue;
        int64_t bytes = frame.shape[0] * frame.shape[1] * frame.shape[2] * frame.shape[3];
        mix(frame.data, grey.data, bytes, strength);
        personalive_send(node, "frame", &grey);
    }
    return personalive_close(node);
}
