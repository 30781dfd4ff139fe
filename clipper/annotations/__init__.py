"""Label files of other tools, COCO, YOLO, Pascal VOC, tables of boxes: from bytes to objects of images."""
