#include "personalive_node.h"

/* Programs are built against this layout: it may only grow at its end, with another version. */
_Static_assert(sizeof(personalive_tensor) == 120, "personalive_tensor has another size");
_Static_assert(offsetof(personalive_tensor, rank) == 72, "rank has moved");
_Static_assert(offsetof(personalive_tensor, frame) == 80, "frame has moved");
_Static_assert(offsetof(personalive_tensor, epoch) == 112, "epoch has moved");
