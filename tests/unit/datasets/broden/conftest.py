"""A Broden1 of three images, with the files of the extracted original."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

TABLES = {
    "index.csv": (
        "image,split,ih,iw,sh,sw,color,object,part,material,scene,texture\n"
        "ade20k/a.jpg,train,8,8,4,4,ade20k/a_color.png,ade20k/a_object.png,"
        "ade20k/a_part_1.png;ade20k/a_part_2.png,,5,\n"
        "dtd/b.jpg,train,8,8,4,4,dtd/b_color.png,,,,,6;7\n"
        "os/c.jpg,val,8,8,4,4,os/c_color.png,,,os/c_material.png,,\n"
    ),
    "label.csv": (
        "number,name,category,frequency,coverage,syns\n"
        "1,red-c,color(3),3,3.0,\n"
        "2,fabric,object(1);material(1),2,0.5,cloth\n"
        "258,leg,part(1),1,0.25,limb;shank\n"
        "4,head,part(1),1,0.25,\n"
        '5,"street, wet-s",scene(1),1,1.0,\n'
        "6,dotted,texture(1),1,1.0,\n"
        "7,lined,texture(1),1,1.0,\n"
    ),
    "category.csv": (
        "name,first,last,count,frequency\n"
        "color,1,1,1,3\nobject,2,2,1,1\npart,4,258,2,2\nmaterial,2,2,1,1\nscene,5,5,1,1\n"
        "texture,6,7,2,2\n"
    ),
    "c_color.csv": "code,number,name,frequency,coverage\n1,1,red-c,3,3.0\n",
    "c_object.csv": "code,number,name,frequency,coverage\n1,2,fabric,1,0.0625\n",
    "c_part.csv": "code,number,name,frequency,coverage\n1,258,leg,1,0.25\n2,4,head,1,0.25\n",
    "c_material.csv": "code,number,name,frequency,coverage\n1,2,fabric,1,0.5\n",
    "c_scene.csv": 'code,number,name,frequency,coverage\n1,5,"street, wet-s",1,1.0\n',
    "c_texture.csv": "code,number,name,frequency,coverage\n1,6,dotted,1,1.0\n2,7,lined,1,1.0\n",
}


def square(number: int, rows: int, columns: int) -> np.ndarray:
    """A 4 x 4 label map with `number` in its top left corner."""
    labels = np.zeros((4, 4), np.int64)
    labels[:rows, :columns] = number
    return labels


MAPS = {
    "ade20k/a_color.png": square(1, 4, 4),
    "ade20k/a_object.png": square(2, 1, 1),
    "ade20k/a_part_1.png": square(258, 2, 2),
    "ade20k/a_part_2.png": square(258, 2, 1) + square(4, 4, 4) - square(4, 4, 3),
    "dtd/b_color.png": square(1, 4, 4),
    "os/c_color.png": square(1, 4, 4),
    "os/c_material.png": square(2, 4, 2),
}


def write_broden1(directory: Path) -> Path:
    """Write the set; `leg` covers 4 of 16 pixels if both of its maps are combined."""
    for folder in ("ade20k", "dtd", "os"):
        (directory / "images" / folder).mkdir(parents=True)
    for name, text in TABLES.items():
        (directory / name).write_text(text)
    for brightness, name in enumerate(("ade20k/a.jpg", "dtd/b.jpg", "os/c.jpg")):
        picture = np.full((8, 8, 3), 50 * brightness, np.uint8)
        Image.fromarray(picture).save(directory / "images" / name, quality=95)
    for name, labels in MAPS.items():
        channels = np.stack([labels % 256, labels // 256, 0 * labels], axis=2).astype(np.uint8)
        Image.fromarray(channels).save(directory / "images" / name)
    return directory


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return write_broden1(tmp_path / "broden1_8")


def replace_file(file: Path, content: str | bytes | None) -> None:
    """Write another content into a file; None removes the file."""
    file.unlink()
    if content is not None:
        file.write_bytes(content.encode() if isinstance(content, str) else content)
