/*
 * The frame indices in the position tables of the temporal path, for fewer, as many and more
 * patches a side than the 16 pixels of the map that they come from (docs/weight-format.md).
 */
#include "model/model.h"
#include "model_recipe.h"
#include "suite.h"

#include <math.h>

#define MAP_SIDE 16

/* The cell, from 0, that the centre of a pixel of the map lies in. */
static double cell_of(double pixel, size_t grid) {
    return floor((pixel + 0.5) * (double)grid / MAP_SIDE);
}

/* The map at the centre of patch `i` of `side`, between the centres of its pixels. */
static double cell_at(size_t i, size_t side, size_t grid) {
    double x = ((double)i + 0.5) * MAP_SIDE / (double)side - 0.5;
    x = fmin(fmax(x, 0), MAP_SIDE - 1);
    double part = x - floor(x);
    return (1 - part) * cell_of(floor(x), grid) + part * cell_of(ceil(x), grid);
}

/* What PyTorch's interpolate(antialias=True) makes of the cells of 4 x 4 at 14 patches, and of 2 x
 * 2 at 3. */
static const double smooth_of_14[] = {0,          0, 0, 0.5, 1, 1, 1.05263158,
                                      1.94736842, 2, 2, 2.5, 3, 3, 3};
static const double smooth_of_3[] = {0, 0.5, 1};

static double expected_cell(const dpi_parameters *p, size_t i) {
    if (p->protocol.position_antialias) {
        return p->patches_a_side == 14 ? smooth_of_14[i] : smooth_of_3[i];
    }
    return cell_at(i, p->patches_a_side, p->grid);
}

/* The angle of the first frequency, which is 1, of a token: as its sine and cosine. With
 * sincos-time they are added to the table of the spatial path. */
static void check_token(const struct dp_model *model, size_t frameset, size_t token, bool three) {
    const dpi_parameters *p = &model->parameters;
    size_t side = p->patches_a_side;
    size_t row = (token - 1) / side;
    size_t column = (token - 1) % side;
    const float *x = model->position_temporal + (frameset * p->tokens + token) * p->width;
    const float *table = model->position_spatial + token * p->width;
    size_t cosine = three ? p->width / 8 : 1;
    double index = (double)(frameset * p->grid * p->grid) + 1 +
                   (double)p->grid * expected_cell(p, row) + expected_cell(p, column);
    ck_assert_double_eq_tol((double)x[0] - (three ? 0 : (double)table[0]), sin(index), 1e-5);
    ck_assert_double_eq_tol((double)x[cosine] - (three ? 0 : (double)table[1]), cos(index), 1e-5);
}

START_TEST(frame_indices_are_those_of_the_map) {
    static const size_t sides[] = {4, 12, 16, 20, 36, 64};
    static const size_t grids[] = {1, 2, 4, 16}; /* of 16: no two pixels of the map are alike */
    bool three = _i % 2 == 1;
    shape s = released;
    s.position = three ? "sincos-3d" : "sincos-time";
    s.grid_table = false;
    s.patch = 1, s.image = sides[_i / 2];
    s.width = 16, s.heads = 1, s.blocks = 1;
    for (size_t i = 0; i < COUNT(grids) && s.image % grids[i] == 0; i++) {
        s.grid = grids[i];
        s.frames = 2 * s.grid * s.grid, s.spatial = 2;
        recipe r = make_recipe(&s);
        opened o = open_recipe(&r, NULL);
        for (size_t frameset = 0; frameset < 2; frameset++) {
            for (size_t token = 1; token < tokens_of(&s); token++) {
                check_token(o.model, frameset, token, three);
            }
        }
        close_opened(&o);
    }
}
END_TEST

START_TEST(the_map_is_antialiased_as_pytorch_does) {
    static const size_t shapes[][3] = {{14, 4, 2}, {3, 2, 4}}; /* patches a side, g, p */
    shape s = released;
    s.grid_table = false;
    s.blocks = 1;
    s.patch = shapes[_i / 2][2], s.image = shapes[_i / 2][0] * s.patch;
    s.grid = shapes[_i / 2][1], s.frames = 2 * s.grid * s.grid, s.spatial = 2;
    s.position = _i % 2 == 1 ? "sincos-3d" : "sincos-time";
    recipe r = make_recipe(&s);
    find_entry(&r, "dualpath.position.antialias")->number = 1;
    opened o = open_recipe(&r, NULL);
    for (size_t token = 1; token < tokens_of(&s); token++) {
        check_token(o.model, 1, token, _i % 2 == 1);
    }
    close_opened(&o);
}
END_TEST

static Suite *positions_suite(void) {
    Suite *suite = suite_create("positions");
    TCase *indices = tcase_create("frame indices");
    tcase_set_timeout(indices, 60);
    tcase_add_checked_fixture(indices, random_restart, NULL);
    tcase_add_loop_test(indices, frame_indices_are_those_of_the_map, 0, 12);
    tcase_add_loop_test(indices, the_map_is_antialiased_as_pytorch_does, 0, 4);
    suite_add_tcase(suite, indices);
    return suite;
}

int main(void) {
    return run_suite(positions_suite());
}
