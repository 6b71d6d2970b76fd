/* The least that classifies: compiled int8 models of DualPath for `rows`, and frames in RGB. */
#define DP_NO_CANONICAL
#define DP_NO_BF16
#define DP_NO_PANELS
#define DP_NO_ATTENTION
#define DP_NO_PROTOCOLS
#define DP_FORMATS (1u << DP_FORMAT_RGB24)
#define DP_NO_METHODS
