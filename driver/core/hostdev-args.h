/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Host devices in the monitor's terms (docs/specs/vfio.md). Pure. */
#ifndef TN_DRIVER_CORE_HOSTDEV_ARGS_H
#define TN_DRIVER_CORE_HOSTDEV_ARGS_H

#include <json-c/json.h>

#include "xml/domain.h"

G_BEGIN_DECLS

/** TnHostdevGroup: an opened IOMMU group: /dev/vfio/GROUP and a container for it. */
typedef struct TnHostdevGroup {
    int group;
    int group_fd;
    int container_fd;
} TnHostdevGroup;

/* "vfiogroup7": the monitor's name for the object. (transfer full) */
char *tn_hostdev_args_group_id(int group);

/* Arguments of object-add; @fd and @container_fd: names or numbers of descriptors. */
json_object *tn_hostdev_args_group(int group, const char *fd, const char *container_fd);

/* Adds bus, multifunction and addr: where @pci is in the guest of @def, which has that bus. */
void tn_hostdev_args_add_address(json_object *object, const TnDomainDef *def,
                                 const TnPciAddress *pci);

/* Arguments of device_add; @device has alias and address, the latter on a bus of @def. */
json_object *tn_hostdev_args_device(const TnDomainDef *def, const TnHostdevDevice *device);

G_END_DECLS

#endif
