#include "config.h"

#include "base/kvm.h"

#include <fcntl.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

#include "base/memory.h"

#if defined(__x86_64__) || defined(__i386__)
#define LEAF_AMD 0x80000001u
#define AMD_SVM (1u << 2)   /* in ECX of LEAF_AMD */
#define INTEL_VMX (1u << 5) /* in ECX of leaf 1 */

static bool processor_can(void)
{
    unsigned eax, ebx, ecx, edx;

    return (__get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0 && (ecx & INTEL_VMX) != 0) ||
           (__get_cpuid(LEAF_AMD, &eax, &ebx, &ecx, &edx) != 0 && (ecx & AMD_SVM) != 0);
}
#else
static bool processor_can(void)
{
    return true;
}
#endif

bool kvm_is_usable(const char **why)
{
    AUTO_CLOSE int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

    *why = !processor_can()                                              ? "the processor has neither VMX nor SVM"
           : fd < 0                                                      ? "/dev/kvm cannot be opened"
           : ioctl(fd, KVM_GET_API_VERSION, 0) != KVM_API_VERSION        ? "/dev/kvm does not answer"
                                                                         : NULL;
    return *why == NULL;
}
