/* A virtual machine's volumes, and the templates of their data. */
#include <string.h>

#include "base/file.h"
#include "protocol/container_fields.h"
#include "protocol/names.h"
#include "protocol/vm_fields.h"
#include "protocol/volume_fields.h"

#define FRAGMENT_BYTES 136 /* "#sha512=" and 128 digits */
#define SEED_EXPECTED "text of at most 256 KiB"

static bool is_host_disk_type(const char *text)
{
    return vm_is_one_of(text, (const char *const[]){ "Disk", "DiskOrCreate", NULL });
}

static bool is_url(const char *text)
{
    bool known = strncmp(text, "http://", 7) == 0 || strncmp(text, "https://", 8) == 0;
    return known && strlen(text) + FRAGMENT_BYTES <= LIMIT_IMAGE_URL_BYTES && strpbrk(text, " \t\r\n#") == NULL;
}

static bool is_checksum(const char *text)
{
    size_t digits = strncmp(text, "sha256:", 7) == 0 ? 64 : strncmp(text, "sha512:", 7) == 0 ? 128 : 0;
    return digits > 0 && strlen(text) == 7 + digits && vm_is_hex(text + 7, digits);
}

static bool is_registry_url(const char *text)
{
    return strncmp(text, "docker://", 9) == 0 && image_name_is_valid(text + 9);
}

static bool is_seed(const char *text)
{
    return strlen(text) <= LIMIT_VM_SEED_TEXT_BYTES;
}

static const struct field_table container_disk_table = { sizeof(struct vm_container_disk), (const struct field[]){
    { FIELD("image", FIELD_TEXT, struct vm_container_disk, image), .required = true, .check = image_name_is_valid,
      .expected = "image reference" },
    { FIELD("path", FIELD_TEXT, struct vm_container_disk, path), .check = file_path_is_safe,
      .expected = "absolute path without \"..\"" },
    { FIELD("imagePullPolicy", FIELD_WORD, struct vm_container_disk, pull_policy), .words = pull_words, .unhashed = true },
    { FIELD("imagePullSecret", FIELD_TEXT, struct vm_container_disk, pull_secret), .check = name_is_subdomain,
      .expected = "name of a Secret", .unhashed = true },
    { 0 } } };

static const struct field_table data_volume_table = { sizeof(struct vm_data_volume), (const struct field[]){
    { FIELD("name", FIELD_TEXT, struct vm_data_volume, name), .required = true, .check = name_is_subdomain,
      .expected = "name of a dataVolumeTemplate" },
    { 0 } } };

static const struct field_table host_disk_table = { sizeof(struct vm_host_disk), (const struct field[]){
    { FIELD("path", FIELD_TEXT, struct vm_host_disk, path), .required = true, .check = file_path_is_safe,
      .expected = "absolute path without \"..\"" },
    { FIELD("type", FIELD_TEXT, struct vm_host_disk, type), .required = true, .check = is_host_disk_type,
      .expected = "hostDisk type: Disk or DiskOrCreate" },
    { FIELD("capacity", FIELD_QUANTITY, struct vm_host_disk, capacity) },
    { 0 } } };

static const struct field_table empty_disk_table = { sizeof(struct vm_empty_disk), (const struct field[]){
    { FIELD("capacity", FIELD_QUANTITY, struct vm_empty_disk, capacity), .required = true },
    { 0 } } };

static const struct field_table secret_ref_table = { sizeof(struct vm_secret_ref), (const struct field[]){
    { FIELD("name", FIELD_TEXT, struct vm_secret_ref, name), .required = true, .check = name_is_subdomain,
      .expected = "name of a Secret" },
    { 0 } } };

static const struct field_table config_map_ref_table = { sizeof(struct vm_secret_ref), (const struct field[]){
    { FIELD("name", FIELD_TEXT, struct vm_secret_ref, name), .required = true, .check = name_is_subdomain,
      .expected = "name of a ConfigMap" },
    { 0 } } };

static const struct field_table cloud_init_table = { sizeof(struct vm_cloud_init), (const struct field[]){
    { FIELD("userData", FIELD_TEXT, struct vm_cloud_init, user_data), .check = is_seed, .expected = SEED_EXPECTED },
    { FIELD("userDataBase64", FIELD_TEXT, struct vm_cloud_init, user_data_base64), .check = is_seed, .expected = SEED_EXPECTED },
    { FIELD("secretRef", FIELD_OBJECT, struct vm_cloud_init, user_secret), .nested = &secret_ref_table },
    { FIELD("networkData", FIELD_TEXT, struct vm_cloud_init, network_data), .check = is_seed, .expected = SEED_EXPECTED },
    { FIELD("networkDataBase64", FIELD_TEXT, struct vm_cloud_init, network_data_base64), .check = is_seed,
      .expected = SEED_EXPECTED },
    { FIELD("networkDataSecretRef", FIELD_OBJECT, struct vm_cloud_init, network_secret), .nested = &secret_ref_table },
    { 0 } } };

static const struct field_table config_map_disk_table = { sizeof(struct vm_map_disk), (const struct field[]){
    { FIELD("name", FIELD_TEXT, struct vm_map_disk, name), .required = true, .check = name_is_subdomain,
      .expected = "name of a ConfigMap" },
    { FIELD("optional", FIELD_BOOL, struct vm_map_disk, optional) },
    { FIELD("volumeLabel", FIELD_TEXT, struct vm_map_disk, label), .check = vm_is_word, .expected = "label" },
    { 0 } } };

static const struct field_table secret_disk_table = { sizeof(struct vm_map_disk), (const struct field[]){
    { FIELD("secretName", FIELD_TEXT, struct vm_map_disk, name), .required = true, .check = name_is_subdomain,
      .expected = "name of a Secret" },
    { FIELD("optional", FIELD_BOOL, struct vm_map_disk, optional) },
    { FIELD("volumeLabel", FIELD_TEXT, struct vm_map_disk, label), .check = vm_is_word, .expected = "label" },
    { 0 } } };

static const struct field_table sysprep_table = { sizeof(struct vm_sysprep), (const struct field[]){
    { FIELD("configMap", FIELD_OBJECT, struct vm_sysprep, config_map), .nested = &config_map_ref_table },
    { FIELD("secret", FIELD_OBJECT, struct vm_sysprep, secret), .nested = &secret_ref_table },
    { 0 } } };

const struct field_table vm_volume_table = { sizeof(struct vm_volume), (const struct field[]){
    { FIELD("name", FIELD_TEXT, struct vm_volume, name), .required = true, .check = name_is_label, .expected = "DNS label" },
    { FIELD("containerDisk", FIELD_OBJECT, struct vm_volume, container_disk), .nested = &container_disk_table },
    { FIELD("dataVolume", FIELD_OBJECT, struct vm_volume, data_volume), .nested = &data_volume_table },
    { FIELD("persistentVolumeClaim", FIELD_OBJECT, struct vm_volume, claim), .nested = &claim_source_table },
    { FIELD("hostDisk", FIELD_OBJECT, struct vm_volume, host_disk), .nested = &host_disk_table },
    { FIELD("emptyDisk", FIELD_OBJECT, struct vm_volume, empty_disk), .nested = &empty_disk_table },
    { FIELD("cloudInitNoCloud", FIELD_OBJECT, struct vm_volume, cloud_init), .nested = &cloud_init_table },
    { FIELD("cloudInitConfigDrive", FIELD_OBJECT, struct vm_volume, config_drive), .nested = &cloud_init_table },
    { FIELD("sysprep", FIELD_OBJECT, struct vm_volume, sysprep), .nested = &sysprep_table },
    { FIELD("configMap", FIELD_OBJECT, struct vm_volume, config_map), .nested = &config_map_disk_table },
    { FIELD("secret", FIELD_OBJECT, struct vm_volume, secret), .nested = &secret_disk_table },
    { 0 } } };

/* ---- dataVolumeTemplates */

static const struct field_table http_source_table = { sizeof(struct vm_http_source), (const struct field[]){
    { FIELD("url", FIELD_TEXT, struct vm_http_source, url), .required = true, .check = is_url, .expected = "http or https URL" },
    { FIELD("checksum", FIELD_TEXT, struct vm_http_source, checksum), .check = is_checksum,
      .expected = "checksum, as sha256:HEX" },
    { 0 } } };

static const struct field_table registry_source_table = { sizeof(struct vm_registry_source), (const struct field[]){
    { FIELD("url", FIELD_TEXT, struct vm_registry_source, url), .required = true, .check = is_registry_url,
      .expected = "image, as docker://registry/name:tag" },
    { 0 } } };

static const struct field_table source_table = { sizeof(struct vm_source), (const struct field[]){
    { FIELD("http", FIELD_OBJECT, struct vm_source, http), .nested = &http_source_table },
    { FIELD("registry", FIELD_OBJECT, struct vm_source, registry), .nested = &registry_source_table },
    { FIELD("blank", FIELD_OBJECT, struct vm_source, blank), .nested = &nothing_table },
    { 0 } } };

static const struct field_table requests_table = { sizeof(struct vm_requests), (const struct field[]){
    { FIELD("storage", FIELD_QUANTITY, struct vm_requests, storage) },
    { 0 } } };

static const struct field_table storage_resources_table = { sizeof(struct vm_storage_resources), (const struct field[]){
    { FIELD("requests", FIELD_OBJECT, struct vm_storage_resources, requests), .nested = &requests_table },
    { 0 } } };

static const struct field_table storage_table = { sizeof(struct vm_storage), (const struct field[]){
    { FIELD("resources", FIELD_OBJECT, struct vm_storage, resources), .nested = &storage_resources_table },
    { 0 } } };

static const struct field_table data_spec_table = { sizeof(struct vm_data_spec), (const struct field[]){
    { FIELD("source", FIELD_OBJECT, struct vm_data_spec, source), .required = true, .nested = &source_table },
    { FIELD("pvc", FIELD_OBJECT, struct vm_data_spec, pvc), .nested = &storage_table },
    { FIELD("storage", FIELD_OBJECT, struct vm_data_spec, storage), .nested = &storage_table },
    { 0 } } };

static const struct field_table named_table = { sizeof(struct vm_named), (const struct field[]){
    { FIELD("name", FIELD_TEXT, struct vm_named, name), .required = true, .check = name_is_subdomain,
      .expected = "DNS subdomain" },
    { 0 } } };

const struct field_table vm_data_template_table = { sizeof(struct vm_data_template), (const struct field[]){
    { FIELD("metadata", FIELD_OBJECT, struct vm_data_template, metadata), .required = true, .nested = &named_table },
    { FIELD("spec", FIELD_OBJECT, struct vm_data_template, spec), .required = true, .nested = &data_spec_table },
    { 0 } } };
